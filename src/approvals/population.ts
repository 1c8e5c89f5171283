/**
 * All documents of a period, each with whether its signature holds, and the proof that they are all that there are.
 *
 * An entry of the index is made before its request, in another folder: one that names a request which is not there says
 * that it was never written, or that somebody has removed it.
 * @module
 */
import { createHash } from 'node:crypto'
import { idIn, isDocument, type AnyDocument } from './documents.ts'
import { grantIn, nameOfGrant } from './grants/documents.ts'
import type { Ledger } from './ledger/ledger.ts'
import { entryIn } from './review-index.ts'
import type { Signatures } from './signatures.ts'
import { standingOf, type Review } from './state.ts'
import { inBatches, nameOf } from './store.ts'

/** In seconds since the epoch, the end excluded. */
export interface Period {
  readonly since: number
  readonly until: number
}

/** One document, by its name in the ledger. */
export interface ExportedDocument {
  readonly kind: 'document'
  readonly name: string
  /** The review or grant that it is of. */
  readonly id: string
  /** `forged`: no known key signed it, or it stands under another's name. */
  readonly verified: 'valid' | 'forged'
  /** Null for a forged one. */
  readonly document: AnyDocument | null
}

/** What the documents before it are all of. */
export interface Population {
  readonly kind: 'population'
  readonly since: string | null
  readonly until: string | null
  /** Reviews and grants in the period, and those of the ledger. */
  readonly inPeriod: number
  readonly inLedger: number
  readonly documents: number
  readonly forged: readonly string[]
  /** Ids of reviews, in the index or of documents, of which there is no request. */
  readonly withoutRequest: readonly string[]
  /** Ids that are not in the index. */
  readonly withoutEntry: readonly string[]
  /** Reviews of changes that were let through, and that nobody has reviewed within the time. */
  readonly overdue: readonly string[]
  /** How many names the ledger has, and SHA-256 of them, in order and a line each. */
  readonly names: number
  readonly namesDigest: string
}

const KINDS = ['r', 'v', 'u', 'o', 's', 'n', 'g', 'i']
const AT_ONCE = 16

/**
 * The documents of what was asked for or changed in a period, and at last the population.
 * @param now seconds since the epoch: what is overdue by then
 * @throws {LedgerFault}
 */
export async function* populationOf(
  ledger: Pick<Ledger, 'list' | 'read'>,
  verify: Signatures['verify'],
  period: Period,
  now: number,
): AsyncGenerator<ExportedDocument | Population> {
  const names: string[] = []
  for (const kind of KINDS) names.push(...(await ledger.list(`${kind}/`)))
  const byId = Map.groupBy(
    names.filter((name) => entryIn(name) === null),
    (name) => idIn(name) ?? grantIn(name) ?? '',
  )
  const entries = new Set(names.flatMap((name) => entryIn(name)?.id ?? []))
  const forged: string[] = []
  const overdue: string[] = []
  let [inPeriod, documents] = [0, 0]
  for (const [id, own] of [...byId].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const found = await inBatches(own, AT_ONCE, async (name) =>
      documentAt(ledger, verify, name, id),
    )
    // one whose time nobody can tell is in every period
    const isIn = found.some(
      ({ document }) =>
        document === null || (document.iat >= period.since && document.iat < period.until),
    )
    if (!isIn) continue
    inPeriod++
    documents += found.length
    forged.push(...found.flatMap(({ verified, name }) => (verified === 'forged' ? [name] : [])))
    if (isOverdue(found, now)) overdue.push(id)
    yield* found
  }
  const withRequest = new Set(
    names.flatMap((name) => (name.startsWith('r/') ? (idIn(name) ?? []) : [])),
  )
  const reviewed = names.flatMap((name) => idIn(name) ?? [])
  yield {
    kind: 'population',
    since: instant(period.since),
    until: instant(period.until),
    inPeriod,
    inLedger: byId.size,
    documents,
    forged,
    withoutRequest: [...new Set([...entries, ...reviewed])]
      .filter((id) => !withRequest.has(id))
      .toSorted(),
    withoutEntry: [...withRequest].filter((id) => !entries.has(id)).toSorted(),
    overdue,
    names: names.length,
    namesDigest: createHash('sha256').update(names.toSorted().join('\n')).digest('hex'),
  }
}

async function documentAt(
  ledger: Pick<Ledger, 'read'>,
  verify: Signatures['verify'],
  name: string,
  id: string,
): Promise<ExportedDocument> {
  const text = await ledger.read(name)
  const document = text === null ? null : await verify(text)
  const own =
    document === null ? null : isDocument(document) ? nameOf(document) : nameOfGrant(document)
  return own === name
    ? { kind: 'document', name, id, verified: 'valid', document }
    : { kind: 'document', name, id, verified: 'forged', document: null }
}

/** By the verdicts that the gateway has taken: it knew who owned the change then. */
function isOverdue(found: readonly ExportedDocument[], now: number): boolean {
  const all = found.flatMap(({ document }) => document ?? [])
  const request = all.find((one) => one.kind === 'request')
  if (request === undefined) return false
  const verdicts = all.filter((one) => one.kind === 'verdict')
  const review: Review = {
    request,
    verdicts,
    uses: all.filter((one) => one.kind === 'use'),
    outcomes: all.filter((one) => one.kind === 'outcome'),
  }
  const reviewers = [...new Set(verdicts.flatMap(({ groups }) => groups))]
  const owners = [{ reviewers, required: 1, each: false }]
  const { override } = standingOf(review, { now, owners, isDenied: () => false })
  return override?.afterwards === 'overdue'
}

function instant(seconds: number): string | null {
  return Number.isFinite(seconds) ? new Date(seconds * 1_000).toISOString() : null
}
