/**
 * `approvals verify`: whether a copy of a ledger holds, by the public keys alone.
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasPartIn } from '../../approvals/authors.ts'
import { FOLDERS, idIn } from '../../approvals/documents.ts'
import { grantIn } from '../../approvals/grants/documents.ts'
import type { Grant } from '../../approvals/grants/state.ts'
import { createGrantStore } from '../../approvals/grants/store.ts'
import { createDirectoryLedger } from '../../approvals/ledger/directory.ts'
import type { Ledger } from '../../approvals/ledger/ledger.ts'
import { entryIn } from '../../approvals/review-index.ts'
import { createVerifier } from '../../approvals/signatures.ts'
import { standingOf, type Review } from '../../approvals/state.ts'
import { createStore } from '../../approvals/store.ts'
import { isObject, parseStrictJson } from '../../lib/strict-json.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem } from '../problem.ts'
import { createProgress } from '../progress.ts'
import { faultsOfGrant } from './verify-grants.ts'

export interface Fault {
  /** Of a document, or of a review. */
  readonly name: string
  readonly what: string
}

export interface Examined {
  readonly reviews: readonly Review[]
  readonly grants: ReadonlyMap<string, Grant>
  /** Their names below the folder. */
  readonly documents: readonly string[]
  readonly faults: readonly Fault[]
}

/** A copy of a ledger, and everything that is wrong with it. @param keys file of public keys @throws Problem */
export async function examineLedger(directory: string, keys: string, io: Io): Promise<Examined> {
  const faults: Fault[] = []
  const verify = await createVerifier(await keysIn(keys))
  const files = await filesIn(directory)
  const names = files.filter((name) => entryIn(name) === null)
  const progress = createProgress(io, 'checking documents', names.filter(isChecked).length)
  const inDirectory = createDirectoryLedger(directory)
  const ledger: Ledger = {
    ...inDirectory,
    async read(name) {
      const text = await inDirectory.read(name)
      progress.add(1)
      return text
    },
  }
  const onForged = (name: string): void => {
    faults.push({ name, what: 'was not signed by any of these keys, or stands under another name' })
  }
  const store = createStore(ledger, { sign, verify }, onForged)
  const reviews = await store.list('')
  const grants = await createGrantStore(ledger, { sign, verify }, onForged).readAll()
  progress.end()
  const ids = reviews.map(({ request }) => request.id)
  const known = new Set([...ids, ...grants.keys()])
  const indexed = new Set(files.flatMap((name) => entryIn(name)?.id ?? []))
  faults.push(...ids.filter((id) => !indexed.has(id)).map(unlisted))
  for (const name of names) {
    const id = idIn(name) ?? grantIn(name)
    if (id === null) faults.push({ name, what: 'is no document of a ledger' })
    else if (!known.has(id)) faults.push({ name, what: 'has no request' })
  }
  faults.push(...reviews.flatMap(faultsOf))
  for (const [name, grant] of grants)
    faults.push(...faultsOfGrant(grant).map((what) => ({ name, what })))
  return { reviews, grants, documents: names, faults }
}

export async function verifyLedger(
  directory: string,
  { keys, output }: { readonly keys: string; readonly output: Output },
  io: Io,
): Promise<number> {
  const found = await examineLedger(directory, keys, io)
  const { reviews, grants, documents: names, faults } = found
  const summary = {
    reviews: reviews.length,
    grants: grants.size,
    documents: names.length,
    faults,
  }
  show(io, output, {
    json: () => summary,
    table: () => [
      ...faults.map(({ name, what }) => `${name}: ${what}`),
      `${reviews.length} reviews, ${grants.size} grants, ${names.length} documents, ${faults.length} faults`,
    ],
    tsv: () => faults.map(({ name, what }) => [name, what]),
  })
  return faults.length === 0 && names.length > 0 ? EXIT.ok : EXIT.failed
}

/** How Azure's answers began, and what channels were told, is nothing that a review stands on. */
const isChecked = (name: string): boolean =>
  !name.startsWith(FOLDERS.started) && !name.startsWith(FOLDERS.notice)

async function sign(): Promise<string> {
  throw new Error('nothing is signed here')
}

function unlisted(id: string): Fault {
  return { name: id, what: 'is missing in the index, so that lists leave it out' }
}

/** A use needs verdicts that had been given by then, of people who had no part in the change. */
function faultsOf(review: Review): readonly Fault[] {
  const { request, uses, verdicts } = review
  const all = standingOf(review, { now: request.iat, owners: [], isDenied: () => false })
  const damaged =
    all.state === 'damaged' ? [{ name: request.id, what: 'a use of it is missing' }] : []
  const unreviewed = uses.flatMap(({ n, iat }) => {
    const people = new Set(
      verdicts
        .filter(
          (one) =>
            one.verdict === 'approve' &&
            one.iat <= iat &&
            one.shownDigest === request.shownDigest &&
            !hasPartIn(request, one.by),
        )
        .map(({ by }) => by),
    )
    const needed = Math.max(...request.asks.map(({ rule }) => rule.reviewers))
    const overridden = verdicts.some((one) => one.verdict === 'override' && one.iat <= iat)
    return people.size >= needed || overridden
      ? []
      : [{ name: request.id, what: `use ${n} had ${people.size} approvals of ${needed}` }]
  })
  const rejected = verdicts.some(({ verdict, iat }) =>
    verdict === 'reject' ? uses.some((use) => use.iat > iat) : false,
  )
  return [
    ...damaged,
    ...unreviewed,
    ...(rejected ? [{ name: request.id, what: 'was used after somebody rejected it' }] : []),
  ]
}

async function filesIn(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(join(directory, '/').length))
      .sort()
  } catch {
    throw new Problem(`${directory} cannot be read`, 'name the folder that has r, v, u and o in it')
  }
}

/** Public keys in a file. @throws Problem */
export async function keysIn(file: string): Promise<Parameters<typeof createVerifier>[0]> {
  const bytes = await readFile(file).catch(() => {
    throw new Problem(`${file} cannot be read`, 'get it from /_harness/keys of the gateway')
  })
  const parsed = parseStrictJson(bytes)
  const keys: unknown = isObject(parsed) ? parsed['keys'] : null
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isObject))
    throw new Problem(`${file} has no keys`, 'get it from /_harness/keys of the gateway')
  return keys
}
