/**
 * Lists of a ledger's reviews, as their author asks for them, and what they ask of the ledger.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import type { Ledger } from '../../src/approvals/ledger/ledger.ts'
import { createSignatures } from '../../src/approvals/signatures.ts'
import type { Circumstances } from '../../src/approvals/state.ts'
import { createStore } from '../../src/approvals/store.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { list } from '../../src/reviews/list.ts'
import type { ReviewCallOptions } from '../../src/reviews/seen.ts'
import { AUTHOR } from './documents.ts'

const { privateKey } = generateKeyPairSync('ed25519')
export const signatures = await createSignatures([
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
])
export const DAY = 86_400
/** The middle of a month. */
export const NOW = Date.parse('2026-11-15T12:00:00Z') / 1_000
export const principal = { id: AUTHOR, kind: 'user', groups: [], roles: [] } as unknown as Principal
export const circumstances: Circumstances = {
  now: NOW,
  owners: [{ reviewers: ['Group::a'], required: 1, each: false }],
  isDenied: () => false,
}

/** What a list needs of the gateway; the caller is the author of everything. */
export const optionsOf = (ledger: Ledger): ReviewCallOptions =>
  ({
    store: createStore(ledger, signatures, () => undefined),
    now: () => NOW * 1_000,
    release: { circumstancesOf: () => circumstances },
    decide: () => ({ permit: null, refusal: new Error('no'), decision: null }),
    policyVersion: () => 'v',
    ownersOf: () => [],
    callFacts: () => ({}),
  }) as unknown as ReviewCallOptions

interface Page {
  readonly value: readonly { readonly id: string; readonly state: string }[]
  readonly cursor: string | null
}
export const pageAt = async (options: ReviewCallOptions, query: string): Promise<Page> =>
  (await list(
    options,
    parseTarget('GET', `/_harness/api/reviews?${query}`),
    principal,
  ).answer()) as Page

export async function pages(
  options: ReviewCallOptions,
  query: string,
): Promise<{ readonly ids: readonly string[]; readonly count: number }> {
  const ids: string[] = []
  let [cursor, count]: [string | null, number] = [null, 0]
  do {
    const { value, cursor: next }: Page = await pageAt(
      options,
      cursor === null ? query : `${query}&cursor=${cursor}`,
    )
    ids.push(...value.map(({ id }) => id))
    cursor = next
    count++
  } while (cursor !== null)
  return { ids, count }
}

/** What is asked of a ledger, counted. */
export function counting(ledger: Ledger): { readonly ledger: Ledger; readonly take: () => number } {
  let count = 0
  const counted =
    <Args extends unknown[], To>(work: (...args: Args) => To) =>
    (...args: Args): To => {
      count++
      return work(...args)
    }
  return {
    ledger: {
      create: counted(ledger.create),
      read: counted(ledger.read),
      list: counted(ledger.list),
      folders: counted(ledger.folders),
      remove: counted(ledger.remove),
    },
    take() {
      const taken = count
      count = 0
      return taken
    },
  }
}
