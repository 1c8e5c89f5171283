/**
 * What a JSON scanner may meet next, or is inside of; numbers, because it asks for each byte.
 * @module
 */

export const VALUE = 0
export const VALUE_OR_END = 1
export const KEY = 2
export const KEY_OR_END = 3
export const COLON = 4
export const COMMA = 5
export const IN_STRING = 6
export const IN_ESCAPE = 7
export const IN_HEX = 8
export const IN_WORD = 9
export const DONE = 10
export const BROKEN = 11
