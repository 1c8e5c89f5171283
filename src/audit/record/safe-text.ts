/**
 * Foreign text made safe for a record: one line, printable, bounded.
 * @module
 */
import { hash } from 'node:crypto'

/** Longest string of a record, in UTF-16 units. Log Analytics cuts silently at 64 KB; we cut first, and say so. */
export const MAX_TEXT_LENGTH = 16_384

/**
 * C0 and C1 controls (CR, LF, NUL, ESC, the one-character CSI), line and paragraph separators, direction
 * marks that reorder what a reader sees (CVE-2021-42574), the byte order mark, and lone surrogates.
 */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- these are the characters to be found
  /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u200b-\u200f\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** What nearly every text is: tested before the costly expression. */
const PLAIN = /^[\x20-\x7e]*$/

const escape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Whether `text` was too long for a record. */
export const isTooLong = (text: string, limit = MAX_TEXT_LENGTH): boolean => text.length > limit

/**
 * One printable line of at most `limit` units and a mark: unsafe characters become `\uXXXX`; what is
 * too long is cut and ends in its full length and the SHA-256 of the whole.
 */
export function line(text: string, limit = MAX_TEXT_LENGTH): string {
  if (text.length <= limit) return PLAIN.test(text) ? text : text.replace(UNSAFE, escape)
  const kept = text.slice(0, limit).replace(UNSAFE, escape).slice(0, limit)
  return `${kept}[cut length=${text.length} sha256=${hash('sha256', text)}]`
}

/** `line`, for what may be absent: then it is left out of the record. */
export const lineIfAny = (text: string | null | undefined, limit?: number): string | undefined =>
  text === null || text === undefined ? undefined : line(text, limit)
