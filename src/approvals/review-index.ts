/**
 * Which reviews there are, by names alone, so that a list reads those that it shows and no others: entries of what waits,
 * which are removed when nothing can come of them any more, and entries of each month, which stay.
 *
 * An entry is made before its request is, so none is missing. It is no document: what it names is read and verified.
 * @module
 */
import { NAMES } from './documents.ts'
import type { Ledger } from './ledger/ledger.ts'

/** A review by its id, and when it was asked for, in seconds since the epoch. */
export interface Entry {
  readonly id: string
  readonly iat: number
}

export interface ReviewIndex {
  /** @throws {LedgerFault} */
  readonly add: (entry: Entry) => Promise<void>
  /** Those of which something can come, the first one first. @throws {LedgerFault} */
  readonly waiting: () => Promise<readonly Entry[]>
  /** Months in which some were asked for, as `2026-11`, the latest first. @throws {LedgerFault} */
  readonly months: () => Promise<readonly string[]>
  /** Those of one month, the latest first. @throws {LedgerFault} */
  readonly askedIn: (month: string) => Promise<readonly Entry[]>
  /** Nothing can come of it any more. @throws {LedgerFault} */
  readonly settle: (entry: Entry) => Promise<void>
}

export function createReviewIndex(
  ledger: Pick<Ledger, 'create' | 'list' | 'folders' | 'remove'>,
): ReviewIndex {
  return {
    async add({ id, iat }) {
      await Promise.all([
        ledger.create(NAMES.asked(monthOf(iat), iat, id), ''),
        ledger.create(NAMES.waiting(iat, id), ''),
      ])
    },
    waiting: async () => entriesIn(await ledger.list('w/reviews/')).toSorted(inOrder),
    async months() {
      const folders = await ledger.folders('i')
      return folders.filter((folder) => /^\d{4}-\d\d$/u.test(folder)).toReversed()
    },
    askedIn: async (month) =>
      entriesIn(await ledger.list(`i/${month}/`)).toSorted((one, other) => inOrder(other, one)),
    settle: async ({ id, iat }) => ledger.remove(NAMES.waiting(iat, id)),
  }
}

/** The month of a time in seconds since the epoch, in UTC. */
export function monthOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().slice(0, 7)
}

/** By time, and by id within a second. */
export function inOrder(one: Entry, other: Entry): number {
  return one.iat - other.iat || (one.id < other.id ? -1 : one.id === other.id ? 0 : 1)
}

const ENTRY = /^[iw]\/[^/]+\/(\d{1,11})-([a-z2-7]{16}-[1-9]\d{0,4})\.idx$/u

/** The entry that a name of the ledger's is; null for any other name. */
export function entryIn(name: string): Entry | null {
  const [, iat, id] = ENTRY.exec(name) ?? []
  return iat === undefined || id === undefined ? null : { iat: Number(iat), id }
}

function entriesIn(names: readonly string[]): readonly Entry[] {
  return names.flatMap((name) => entryIn(name) ?? [])
}
