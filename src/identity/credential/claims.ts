/**
 * Reading claims by the type that they must have: absent is null, the wrong type is a refusal, never a guess.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { Members } from '../../lib/strict-json.ts'

// Control characters, and the separators that a log or a terminal would act on
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const MAX_STRING_LENGTH = 512
const MAX_LIST_LENGTH = 2_000

/** @throws Refusal `malformed_claims` */
export function readString(claims: Members, name: string): string | null {
  const value = claims.get(name)
  if (value === undefined || value === null) return null
  if (!isPlain(value)) throw malformed(name, 'a short plain string')
  return value
}

/** A name without white space, so that lists and records can hold it as one word. @throws Refusal `malformed_claims` */
export function readId(claims: Members, name: string): string | null {
  const value = readString(claims, name)
  if (value !== null && /\s/.test(value)) throw malformed(name, 'an id')
  return value
}

/** @throws Refusal `malformed_claims` */
export function readStrings(claims: Members, name: string): readonly string[] | null {
  const value = claims.get(name)
  if (value === undefined || value === null) return null
  if (!Array.isArray(value) || value.length > MAX_LIST_LENGTH || !value.every(isPlain)) {
    throw malformed(name, 'an array of short plain strings')
  }
  return [...new Set(value)]
}

/** Space-separated words (RFC 6749 section 3.3). @throws Refusal `malformed_claims` */
export function readWords(claims: Members, name: string): readonly string[] | null {
  const value = claims.get(name)
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' || value.length > 4096) throw malformed(name, 'a string')
  return value.split(' ').filter((word) => word !== '')
}

/** Seconds since the epoch. @throws Refusal `malformed_claims` */
export function readTime(claims: Members, name: string): number | null {
  const value = claims.get(name)
  if (value === undefined || value === null) return null
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw malformed(name, 'a time in seconds')
  }
  return value
}

/** A time that must be there. @throws Refusal `malformed_claims` */
export function requireTime(claims: Members, name: string): number {
  const value = readTime(claims, name)
  if (value === null) throw malformed(name, 'present')
  return value
}

/** `aud` as a list; empty if absent. @throws Refusal `malformed_claims` */
export function readAudiences(claims: Members): readonly string[] {
  const value = claims.get('aud')
  if (typeof value === 'string') return [value]
  return readStrings(claims, 'aud') ?? []
}

/** The refusal for a claim that is not what it must be. */
export function malformed(name: string, expected: string): Refusal {
  return new Refusal('malformed_claims', `the claim "${name}" is not ${expected}`)
}

function isPlain(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= MAX_STRING_LENGTH &&
    !UNPRINTABLE.test(value)
  )
}
