/**
 * What names and values of header fields are made of, in both directions (RFC 9110 section 5).
 * @module
 */

const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/
const NOT_OF_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/

export const isFieldName = (name: string): boolean => TOKEN.test(name)

/** @param value latin1 */
export const isFieldValue = (value: string): boolean => !NOT_OF_VALUE.test(value)
