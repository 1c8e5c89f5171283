/**
 * The ledger: a folder of documents that are created once, listed and read. Nothing is updated, and no review's document
 * is removed; only calls that are held for one are, which are of no use afterwards, and entries of what waits.
 * @module
 */
import { Refusal, type RefusalDetail } from '../../errors.ts'

export interface Ledger {
  /**
   * Creates a document unless there is one of that name: of all who try at the same moment, one gets true.
   * @returns false if there is one
   * @throws {LedgerFault} if it is not known whether it was created
   */
  readonly create: (name: string, text: string) => Promise<boolean>
  /** Null if there is none. @throws {LedgerFault} */
  readonly read: (name: string) => Promise<string | null>
  /** Names that begin with `prefix`, all of them, in order. @throws {LedgerFault} if the list is not complete */
  readonly list: (prefix: string) => Promise<readonly string[]>
  /** Folders of one kind, all of them, in order. @param kind its letter @throws {LedgerFault} */
  readonly folders: (kind: string) => Promise<readonly string[]>
  /** Removes what may be removed, if it is there. @throws {LedgerFault} */
  readonly remove: (name: HeldName | WaitingName) => Promise<void>
}

/** The ledger did not answer, or not as it should, or its next document cannot be signed: it can be tried again. */
export class LedgerFault extends Refusal {
  override readonly name = 'LedgerFault'

  /** @param retryAfter in seconds */
  constructor(
    message: string,
    { retryAfter = 5, ...detail }: Pick<RefusalDetail, 'retryAfter' | 'cause' | 'inner'> = {},
  ) {
    super('approvals_unavailable', message, {
      ...detail,
      retryAfter,
      remedy: 'try again; if it lasts, tell the operators of this gateway',
    })
  }
}

/** A call that is held for a review. */
export type HeldName = `h/${string}/call.jwe`

/** An entry of the index, for a review that waits. */
export type WaitingName = `w/${string}.idx`

/** Characters of names: those that every file system and every blob store takes as they are. */
export const LEDGER_NAME = /^[a-z]\/[a-z0-9-]{1,64}\/[a-z0-9-]{1,80}\.(?:jw[se]|idx)$/u
