/**
 * What the watched strings of documents become. The items of a list say the same again and again, and so do documents of
 * one workspace.
 * @module
 */
import * as Byte from '../../lib/json/bytes.ts'
import { memoOf } from '../../lib/memo.ts'
import type { MappedKind } from './json-plan.ts'
import { notJson } from './json-scanner.ts'

/** A string with its quotes, and what it is replaced by; null if it stays. */
interface Mapped {
  readonly bytes: Buffer
  readonly passed: Buffer | null
}

/** The new value of a watched string. It must follow from the arguments: it is not asked again for each document. */
export type StringMap = (value: string, kind: MappedKind) => string

/** A longer one is not kept, nor one with a query, which may have a secret in it. */
const MAX_KEPT_CHARACTERS = 512

class MappedStrings {
  readonly #map: StringMap
  /** The last one of each kind. */
  readonly #last = new Map<MappedKind, Mapped>()

  constructor(map: StringMap) {
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
    if (isKept(value))
      this.#last.set(kind, { bytes: Buffer.from(bytes.subarray(from, end)), passed })
    return passed
  }
}

/** URLs of Azure's may end with the mark of a query that they do not have. */
function isKept(value: string): boolean {
  const mark = value.indexOf('?')
  return value.length <= MAX_KEPT_CHARACTERS && (mark === -1 || mark === value.length - 1)
}

/** Those of all documents that are rewritten with one map. */
export const stringsOf: (map: StringMap) => MappedStrings = memoOf((map) => new MappedStrings(map))
