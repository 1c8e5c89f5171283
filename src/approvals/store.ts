/**
 * Reviews in the ledger: read with their signatures checked, and written signed.
 * @module
 */
import { createHash } from 'node:crypto'
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
import type { Signatures } from './signatures.ts'
import type { Review } from './state.ts'

export interface Store {
  /** Null if there is no such review. @throws {LedgerFault} */
  readonly read: (id: string) => Promise<Review | null>
  /** Those whose ids begin so, in the order of their ids; all for an empty text. @throws {LedgerFault} */
  readonly list: (idPrefix: string) => Promise<readonly Review[]>
  /** How Azure answered the uses of a held call. @throws {LedgerFault} */
  readonly started: (id: string) => Promise<readonly StartedDocument[]>
  /** What channels were told of a review. @throws {LedgerFault} */
  readonly notices: (id: string) => Promise<readonly NoticeDocument[]>
  /** Writes a document under its own name; false if there is one of that name. @throws {LedgerFault} */
  readonly write: (document: Document) => Promise<boolean>
}

/** @param onForged is told the name of a document that no known key signed, or that stands under another's name */
export function createStore(
  ledger: Ledger,
  { sign, verify }: Pick<Signatures, 'sign' | 'verify'>,
  onForged: (name: string) => void,
): Store {
  async function readOne(name: string): Promise<Document | null> {
    const text = await ledger.read(name)
    if (text === null) return null
    const document = await verify(text)
    if (document !== null && isDocument(document) && nameOf(document) === name) return document
    onForged(name)
    return null
  }

  async function documentsOf(folder: string, id: string): Promise<readonly Document[]> {
    const names = await ledger.list(`${folder}${id}/`)
    const read = await Promise.all(names.map(readOne))
    return read.filter((document) => document !== null)
  }

  async function review(id: string): Promise<Review | null> {
    const request = await readOne(NAMES.request(id))
    if (request === null || request.kind !== 'request') return null
    const [verdicts, uses, outcomes] = await Promise.all([
      documentsOf(FOLDERS.verdict, id),
      documentsOf(FOLDERS.use, id),
      documentsOf(FOLDERS.outcome, id),
    ])
    return {
      request,
      verdicts: verdicts.filter((one): one is VerdictDocument => one.kind === 'verdict'),
      uses: uses.filter((one): one is UseDocument => one.kind === 'use'),
      outcomes: outcomes.filter((one): one is OutcomeDocument => one.kind === 'outcome'),
    }
  }

  return {
    read: review,
    async list(idPrefix) {
      const names = await ledger.list(`${FOLDERS.request}${idPrefix}`)
      const ids = names.flatMap((name) => idIn(name) ?? [])
      const reviews = await Promise.all(ids.map(review))
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
    write: async (document) => ledger.create(nameOf(document), await sign(document)),
  }
}

/** Where a document belongs: it says so itself, so that one cannot be put in the place of another. */
function nameOf(document: Document): string {
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
