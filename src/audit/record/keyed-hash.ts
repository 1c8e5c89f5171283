/**
 * Values that an investigation may search for: whoever has the value and the key finds it, nobody reads it in a record.
 * @module
 */
import { createHmac, type KeyObject } from 'node:crypto'

/** Keyed hash of a caller's value, or nothing without a key: a value could be guessed from a hash without one. */
export function hashed(key: KeyObject | null, value: string): string | undefined {
  return key === null ? undefined : createHmac('sha256', key).update(value).digest('hex')
}
