/**
 * Reviews in the ledger: read with their signatures checked, and written signed.
 * @module
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import {
  FOLDERS,
  idIn,
  isDocument,
  NAMES,
  type Document,
  type NoticeDocument,
  type OutcomeDocument,
  type RequestDocument,
  type StartedDocument,
  type UseDocument,
  type VerdictDocument,
} from './documents.ts'
import type { Ledger } from './ledger/ledger.ts'
import { createReviewIndex, type ReviewIndex } from './review-index.ts'
import type { Signatures } from './signatures.ts'
import type { Review } from './state.ts'

export interface Store {
  /** Null if there is no such review. @throws {LedgerFault} */
  readonly read: (id: string) => Promise<Review | null>
  /**
   * The same, for lists: what was read before is taken from memory, since documents do not change. Which there are is
   * asked for anew. @throws {LedgerFault}
   */
  readonly recall: (id: string) => Promise<Review | null>
  /** Those whose ids begin so, in the order of their ids; all of the ledger for an empty text. @throws {LedgerFault} */
  readonly list: (idPrefix: string) => Promise<readonly Review[]>
  /** How Azure answered the uses of a held call. @throws {LedgerFault} */
  readonly started: (id: string) => Promise<readonly StartedDocument[]>
  /** What channels were told of a review. @throws {LedgerFault} */
  readonly notices: (id: string) => Promise<readonly NoticeDocument[]>
  /** Writes a document under its own name; false if there is one of that name. @throws {LedgerFault} */
  readonly write: (document: Document) => Promise<boolean>
  readonly index: Omit<ReviewIndex, 'add'>
}

/** Of the documents that are kept in memory. */
const MAX_KEPT_BYTES = 16_777_216
/** Reviews that are read at the same time. */
const AT_ONCE = 16

/** @param onForged is told the name of a document that no known key signed, or that stands under another's name */
export function createStore(
  ledger: Ledger,
  { sign, verify }: Pick<Signatures, 'sign' | 'verify'>,
  onForged: (name: string) => void,
): Store {
  const index = createReviewIndex(ledger)
  const kept = new LRUCache<string, Document>({ maxSize: MAX_KEPT_BYTES })

  async function readOne(name: string): Promise<Document | null> {
    const text = await ledger.read(name)
    if (text === null) return null
    const document = await verify(text)
    if (document === null || !isDocument(document) || nameOf(document) !== name) {
      onForged(name)
      return null
    }
    // a text of this length and what was read of it
    kept.set(name, document, { size: 4 * text.length })
    return document
  }
  const recallOne = async (name: string): Promise<Document | null> =>
    kept.get(name) ?? readOne(name)
  type ReadOne = typeof readOne

  async function documentsOf(
    folder: string,
    id: string,
    readEach: ReadOne = readOne,
  ): Promise<readonly Document[]> {
    const names = await ledger.list(`${folder}${id}/`)
    const read = await Promise.all(names.map(readEach))
    return read.filter((document) => document !== null)
  }

  async function review(id: string, readEach: ReadOne = readOne): Promise<Review | null> {
    const request = await readEach(NAMES.request(id))
    if (request === null || request.kind !== 'request') return null
    const [verdicts, uses, outcomes] = await Promise.all([
      documentsOf(FOLDERS.verdict, id, readEach),
      documentsOf(FOLDERS.use, id, readEach),
      documentsOf(FOLDERS.outcome, id, readEach),
    ])
    return {
      request,
      verdicts: verdicts.filter((one): one is VerdictDocument => one.kind === 'verdict'),
      uses: uses.filter((one): one is UseDocument => one.kind === 'use'),
      outcomes: outcomes.filter((one): one is OutcomeDocument => one.kind === 'outcome'),
    }
  }

  return {
    index,
    read: async (id) => review(id),
    recall: async (id) => review(id, recallOne),
    async list(idPrefix) {
      const names = await ledger.list(`${FOLDERS.request}${idPrefix}`)
      const ids = names.flatMap((name) => idIn(name) ?? [])
      const reviews = await inBatches(ids, AT_ONCE, async (id) => review(id))
      return reviews.filter((one) => one !== null).toSorted(byId)
    },
    async started(id) {
      const documents = await documentsOf(FOLDERS.started, id)
      return documents.filter((one): one is StartedDocument => one.kind === 'started')
    },
    async notices(id) {
      const documents = await documentsOf(FOLDERS.notice, id)
      return documents.filter((one): one is NoticeDocument => one.kind === 'notice')
    },
    async write(document) {
      if (document.kind === 'request') await index.add(document)
      return ledger.create(nameOf(document), await sign(document))
    },
  }
}

/** Calls `work` for each, so many at the same time. */
export async function inBatches<From, To>(
  all: readonly From[],
  size: number,
  work: (one: From) => Promise<To>,
): Promise<readonly To[]> {
  const done: To[] = []
  for (let at = 0; at < all.length; at += size)
    done.push(...(await Promise.all(all.slice(at, at + size).map(work))))
  return done
}

/** Where a document belongs: it says so itself, so that one cannot be put in the place of another. */
export function nameOf(document: Document): string {
  switch (document.kind) {
    case 'request':
      return NAMES.request(document.id)
    case 'verdict':
      return NAMES.verdict(document.id, document.iat, markOf(document.decision))
    case 'use':
      return NAMES.use(document.id, document.n)
    case 'notice':
      return NAMES.notice(
        document.id,
        document.iat,
        markOf(JSON.stringify([document.channel, document.event])),
      )
    case 'started':
      return NAMES.started(document.id, document.n)
    default:
      return NAMES.outcome(document.id, document.n)
  }
}

function markOf(decision: string): string {
  return createHash('sha256').update(decision).digest('hex').slice(0, 16)
}

function byId({ request: one }: Review, { request: other }: Review): number {
  const [start, n] = partsOf(one)
  const [otherStart, otherN] = partsOf(other)
  return start === otherStart ? n - otherN : start < otherStart ? -1 : 1
}

function partsOf({ id }: RequestDocument): readonly [string, number] {
  const at = id.lastIndexOf('-')
  return [id.slice(0, at), Number(id.slice(at + 1))]
}
