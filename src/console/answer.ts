/**
 * Answers of the gateway's API, read by pages: what is not there, or of another kind, is empty.
 * @module
 */
import { isObject } from '../lib/strict-json.ts'

/** A part of a JSON document. */
export class Answer {
  readonly #value: unknown

  constructor(value: unknown) {
    this.#value = value
  }

  /** A part of it by the names of members; a part that is not there is empty. */
  at(...names: readonly string[]): Answer {
    let value = this.#value
    for (const name of names)
      value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    return new Answer(value)
  }

  /** The text there; of a number or a truth value, how it is written. '' for all else. */
  text(...names: readonly string[]): string {
    const value = this.at(...names).#value
    if (typeof value === 'string') return value
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
  }

  /** The same; null for what is not there, or empty. */
  textOrNull(...names: readonly string[]): string | null {
    const text = this.text(...names)
    return text === '' ? null : text
  }

  number(...names: readonly string[]): number {
    const value = this.at(...names).#value
    return typeof value === 'number' ? value : 0
  }

  isTrue(...names: readonly string[]): boolean {
    return this.at(...names).#value === true
  }

  /** Whether there is anything but null. */
  isThere(...names: readonly string[]): boolean {
    const value = this.at(...names).#value
    return value !== undefined && value !== null
  }

  list(...names: readonly string[]): readonly Answer[] {
    const value = this.at(...names).#value
    return Array.isArray(value) ? value.map((one) => new Answer(one)) : []
  }

  /** Members of an object, by their names. */
  entries(...names: readonly string[]): readonly (readonly [string, Answer])[] {
    const value = this.at(...names).#value
    return isObject(value)
      ? Object.entries(value).map(([name, one]) => [name, new Answer(one)] as const)
      : []
  }

  /** As JSON, for what has no form of its own. */
  json(...names: readonly string[]): string {
    return JSON.stringify(this.at(...names).#value ?? null, null, 2)
  }
}
