/**
 * GUIDs in their usual form, without braces.
 * @module
 */
import { randomFillSync } from 'node:crypto'

/** For use inside longer patterns: lower case, so that the whole pattern says whether case counts. */
export const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

const WHOLE = new RegExp(`^${GUID}$`, 'i')

/** Whether `text` is a GUID, in any case. */
export function isGuid(text: string): boolean {
  return WHOLE.test(text)
}

const AT_ONCE = 128
const BYTES = 16
/** With its four hyphens. */
const LENGTH = 36
const HYPHEN = 0x2d
const DIGITS = Buffer.from('0123456789abcdef')

/**
 * What brings another random GUID each time (version 4 of RFC 9562). They are made many at a time: `randomUUID` puts each
 * together of twenty short texts, which is more garbage than all else that is known of a call when it comes.
 */
export function createGuids(): () => string {
  const bytes = Buffer.alloc(AT_ONCE * BYTES)
  const text = Buffer.alloc(AT_ONCE * LENGTH)
  let next = AT_ONCE

  function make(): void {
    randomFillSync(bytes)
    let to = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      const place = at % BYTES
      if (place === 4 || place === 6 || place === 8 || place === 10) text[to++] = HYPHEN
      // RFC 9562 section 5.4: version and variant
      const own = place === 6 ? 0x40 | (byte & 0x0f) : place === 8 ? 0x80 | (byte & 0x3f) : byte
      text[to++] = DIGITS[own >> 4] ?? 0
      text[to++] = DIGITS[own & 0x0f] ?? 0
    }
    next = 0
  }

  return () => {
    if (next === AT_ONCE) make()
    const start = LENGTH * next++
    return text.toString('latin1', start, start + LENGTH)
  }
}
