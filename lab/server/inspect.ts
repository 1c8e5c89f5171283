/**
 * `/_lab/*` of a server of the lab: what arrived there, and what it is to do next.
 * @module
 */
import { Readable } from 'node:stream'
import { json, type Answer, type Call, type Handler } from './call.ts'
import type { Faults } from './faults.ts'
import type { Entry, Journal } from './journal.ts'

interface Inspected {
  readonly name: string
  readonly journal: Journal
  readonly faults: Faults
  /** Further `/_lab/<name>` routes of this part. */
  readonly routes: Readonly<Record<string, Handler>>
}

function* journalText(entries: readonly Entry[]): Generator<string> {
  yield '['
  for (const [i, entry] of entries.entries()) yield (i === 0 ? '' : ',\n') + JSON.stringify(entry)
  yield ']\n'
}

export function createInspect(part: Inspected): (call: Call) => Promise<Answer> {
  const { name, journal, faults, routes } = part
  return async (call) => {
    const route = call.path.slice('/_lab/'.length)
    const own = new Map(Object.entries(routes)).get(route)
    if (own !== undefined) return (await own(call)) ?? { status: 204 }
    if (route === 'health') return json(200, { part: name })
    if (route === 'requests' && call.method === 'DELETE') {
      journal.clear()
      return { status: 204 }
    }
    if (route === 'requests') {
      const needle = call.params.get('path')
      const all = journal.entries()
      const found = needle === undefined ? [...all] : all.filter((e) => e.url.includes(needle))
      const headers = { 'content-type': 'application/json; charset=utf-8' }
      return { status: 200, headers, body: Readable.from(journalText(found)) }
    }
    if (route === 'faults' && call.method === 'POST') {
      try {
        faults.add(JSON.parse((await call.body()).content?.toString('utf8') ?? ''))
        return { status: 204 }
      } catch (error) {
        return json(400, { error: error instanceof Error ? error.message : 'bad fault' })
      }
    }
    if (route === 'faults' && call.method === 'DELETE') {
      faults.clear()
      return { status: 204 }
    }
    if (route === 'faults') return json(200, faults.list())
    return json(404, {
      error: `no such inspection route in the lab's part "${name}": ${call.path}`,
    })
  }
}
