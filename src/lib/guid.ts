/**
 * GUIDs in their usual form, without braces.
 * @module
 */

/** For use inside longer patterns: lower case, so that the whole pattern says whether case counts. */
export const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

const WHOLE = new RegExp(`^${GUID}$`, 'i')

/** Whether `text` is a GUID, in any case. */
export function isGuid(text: string): boolean {
  return WHOLE.test(text)
}
