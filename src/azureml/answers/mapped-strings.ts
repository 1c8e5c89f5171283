/**
 * What the watched strings of one document become. The items of a list say the same again and again.
 * @module
 */
import * as Byte from '../../lib/json/bytes.ts'
import type { MappedKind } from './json-plan.ts'
import { notJson } from './json-scanner.ts'

/** A string with its quotes, and what it is replaced by; null if it stays. */
interface Mapped {
  readonly bytes: Buffer
  readonly passed: Buffer | null
}

export class MappedStrings {
  readonly #map: (value: string, kind: MappedKind) => string
  /** The last one of each kind. */
  readonly #last = new Map<MappedKind, Mapped>()

  constructor(map: (value: string, kind: MappedKind) => string) {
    this.#map = map
  }

  /**
   * What the string in its quotes is replaced by; null if its bytes stay.
   * @throws {Refusal} `upstream_bad_answer` if it is not valid, and what the map throws
   */
  replacement(bytes: Buffer, from: number, end: number, kind: MappedKind): Buffer | null {
    const last = this.#last.get(kind)
    if (last !== undefined && Byte.isSame(bytes, from, end, last.bytes)) return last.passed
    const value = Byte.stringAt(bytes, from, end)
    if (value === null) throw notJson()
    const mapped = this.#map(value, kind)
    const passed = mapped === value ? null : Byte.encodeString(mapped)
    // a copy, because a part of the chunk would keep all of it in memory
    this.#last.set(kind, { bytes: Buffer.from(bytes.subarray(from, end)), passed })
    return passed
  }
}
