/**
 * What the tests of published clients show, as docs/clients.md tells it: each client's version, and the operations that
 * the gateway recorded as done for it.
 *
 * `shown.json` keeps it between runs: HARNESS_SHOWN=write writes what a test file has run, any other run compares.
 * `node test/clients/table.ts` then writes the table of docs/clients.md.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type t from 'tap'
import { eventually } from '../../support/eventually.ts'
import type { Row, World } from '../../support/gateway.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const FILE = join(import.meta.dirname, '..', 'shown.json')
const PROVIDER = 'Microsoft.MachineLearningServices/'

interface ShownClient {
  readonly version: string
  /** Test file, relative to the repository. */
  readonly test: string
  /** Azure's actions without their provider, in order. */
  readonly done: readonly string[]
}

export type ShownClients = Readonly<Record<string, ShownClient>>

export function readShown(): ShownClients {
  return JSON.parse(readFileSync(FILE, 'utf8')) as ShownClients
}

export interface Shown {
  /**
   * What was recorded since the last call of this object was done by this client.
   *
   * @param version as the client itself tells it, or where it stands in the recorded user agent
   */
  add(client: string, version: string | RegExp): Promise<void>
  /** What was recorded since then is of no client. */
  skip(): Promise<void>
  /** Compares with `shown.json`, or writes it. */
  compare(test: Pick<typeof t, 'same' | 'ok'>): void
}

const succeeded = (row: Row): boolean =>
  row['RecordKind'] === 'completed' && row['Outcome'] === 'success'

function versionIn(rows: readonly Row[], version: string | RegExp): string {
  if (typeof version === 'string') return version
  const all = rows.flatMap(({ Client }) => version.exec(String(Client))?.[1] ?? [])
  return [...new Set(all)].join(' and ')
}

/** All records, once each exchange that was let through has its last one. */
async function ended(world: World): Promise<readonly Row[]> {
  return eventually('every exchange has its last record', async () => {
    const rows = await world.allRecords()
    const last = new Set<unknown>()
    for (const row of rows) if (row['RecordKind'] !== 'authorized') last.add(row['ExchangeId'])
    return rows.every((row) => last.has(row['ExchangeId'])) && rows
  })
}

/** @param url `import.meta.url` of the test file */
export function createShown(world: World, url: string): Shown {
  const test = relative(ROOT, fileURLToPath(url))
  const found = new Map<string, { version: string; done: Set<string> }>()
  const seen = new Set<unknown>()

  async function fresh(): Promise<readonly Row[]> {
    const rows = await ended(world)
    const own = rows.filter((row) => !seen.has(row['ExchangeId']))
    for (const row of own) seen.add(row['ExchangeId'])
    return own
  }

  return {
    async add(client, version) {
      const rows = await fresh()
      const known = found.get(client) ?? { version: versionIn(rows, version), done: new Set() }
      for (const row of rows)
        if (succeeded(row)) known.done.add(String(row['Action']).replace(PROVIDER, ''))
      found.set(client, known)
    },
    async skip() {
      await fresh()
    },
    compare(t) {
      const own = Object.fromEntries(
        [...found].map(([client, { version, done }]) => [
          client,
          { version, test, done: [...done].toSorted() },
        ]),
      )
      const all = readShown()
      if (process.env['HARNESS_SHOWN'] === 'write') {
        const kept = Object.entries(all).filter((entry) => entry[1].test !== test)
        const next = [...kept, ...Object.entries(own)].toSorted(([a], [b]) => (a < b ? -1 : 1))
        writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(next), null, 2)}\n`)
      } else {
        const expected = Object.entries(all).filter((entry) => entry[1].test === test)
        t.same(own, Object.fromEntries(expected), 'what test/clients/shown.json says was shown')
      }
      for (const [client, { done }] of found) t.ok(done.size > 0, `${client} did something`)
    },
  }
}
