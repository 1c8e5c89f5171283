/**
 * Records of this replica's own spool: the newest first, page by page, and what is not as it was written is said.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import {
  azureSink,
  openFor,
  optionsOf,
  sinkServer,
  spoolDirectory,
  chainDirectory,
} from '../fixtures.ts'
import { openAudit, type Audit } from '../../../src/audit/open.ts'
import { readBackwards, type Stretch } from '../../../src/audit/search/backwards.ts'
import type {
  Conditions,
  Found,
  Provenance,
  Visibility,
} from '../../../src/audit/search/records.ts'
import { createSpoolSearch } from '../../../src/audit/search/spool.ts'
import { segmentNames } from '../../../src/audit/spool/recover.ts'
import { headOf } from '../../../src/audit/record/spool-group.ts'
import type { AuditConfig } from '../../../src/config/schema/schema.ts'
import { exchangeOf } from '../../support/exchange.ts'

const ALL: Conditions = {
  since: 0,
  until: 8e15,
  principal: null,
  decision: null,
  action: null,
  resource: null,
  outcome: null,
  code: null,
  secrets: null,
  review: null,
  source: null,
  events: null,
}
const EVERYTHING: Visibility = { own: 'nobody', mayRead: () => true, within: null }

const idOf = (n: number): string => `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`

/** A trail with this many refusals, one after the other, whose ids count from 0. */
async function trail(t: Test, records: number, spool: Partial<AuditConfig['spool']> = {}) {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), { spool }))
  for (let n = 0; n < records; n += 1)
    await audit.recorder.refused({ ...exchangeOf(), id: idOf(n) })
  return { audit, directory, chain: chainDirectory(directory) }
}

const idsIn = ({ rows }: Found): unknown[] =>
  rows.filter((row) => row.get('RecordKind') !== 'gateway').map((row) => row.get('ExchangeId'))

/** Every page of a search. */
async function pages(
  { records }: Pick<Audit, 'records'>,
  limit: number,
  asked: Partial<Conditions> = {},
): Promise<(Found & Provenance)[]> {
  const found: (Found & Provenance)[] = []
  let from: string | null = null
  do {
    const page: Found & Provenance = await records.search({ ...ALL, ...asked }, EVERYTHING, {
      from,
      limit,
    })
    found.push(page)
    from = page.next
    if (found.length > 1_000) throw new Error('pages without an end')
  } while (from !== null)
  return found
}

const counted = (from: number, to: number): string[] =>
  Array.from({ length: from - to + 1 }, (_, at) => idOf(from - at))

t.test('the newest first, each once, whatever the size of a page', async (t) => {
  const { audit } = await trail(t, 30)
  for (const limit of [1, 7, 500]) {
    const found = await pages(audit, limit)
    t.same(found.flatMap(idsIn), counted(29, 0), `${limit} a page`)
    t.ok(found.every(({ rows }) => rows.length <= limit))
    t.ok(found.every(({ complete, faults }) => complete && faults.length === 0))
  }
})

t.test('events of the gateway alone, by their names', async (t) => {
  const { audit } = await trail(t, 3)
  await audit.recorder.event('policy_reload', { version: 'a' })
  await audit.recorder.event('stop', { version: 'a' })
  const names = (await pages(audit, 1, { events: ['policy_reload', 'audit_opened'] })).flatMap(
    ({ rows }) => rows.map((row) => row.get('Event')),
  )
  t.same(names, ['policy_reload', 'audit_opened'])
})

t.test('records that come while pages are read change none of them', async (t) => {
  const { audit } = await trail(t, 10)
  const first = await audit.records.search(ALL, EVERYTHING, { from: null, limit: 4 })
  for (let n = 10; n < 20; n += 1) await audit.recorder.refused({ ...exchangeOf(), id: idOf(n) })
  const second = await audit.records.search(ALL, EVERYTHING, { from: first.next, limit: 500 })
  t.same([...idsIn(first), ...idsIn(second)], counted(9, 0))
})

t.test('over many segments, those of earlier starts included', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const spool = { segmentBytes: 65_536 }
  const options = optionsOf(directory, azureSink(sink.url), { spool })
  let n = 0
  for (const records of [60, 60]) {
    const audit = await openAudit(options)
    for (let count = 0; count < records; count += 1) {
      await audit.recorder.refused({ ...exchangeOf(), id: idOf(n) })
      n += 1
    }
    await audit.close(100)
  }
  const audit = await openFor(t, options)
  t.ok(segmentNames(chainDirectory(directory)).length > 3, 'several segments')
  const found = await pages(audit, 9)
  t.same(found.flatMap(idsIn), counted(n - 1, 0))
  t.ok(found.every(({ complete }) => complete))
})

t.test('one record by its decision, and none of what is not visible', async (t) => {
  const { audit } = await trail(t, 20)
  const one = await audit.records.search({ ...ALL, decision: idOf(7) }, EVERYTHING, {
    from: null,
    limit: 5,
  })
  t.same(idsIn(one), [idOf(7)])
  const nothing: Visibility = { own: 'nobody', mayRead: () => false, within: [] }
  const none = await audit.records.search(ALL, nothing, { from: null, limit: 5 })
  t.match(none, { rows: [], complete: true, next: null })
  t.match(await audit.records.count(ALL, nothing), { hours: [], complete: true })
})

t.test('calls are counted by hour, each once', async (t) => {
  const { audit } = await trail(t, 5)
  await audit.recorder.authorized({ ...exchangeOf(), refusal: null, id: idOf(90) })
  const { hours, complete } = await audit.records.count(ALL, EVERYTHING)
  t.ok(complete)
  const sum = { permitted: 0, refused: 0 }
  for (const { hour, permitted, refused } of hours) {
    t.equal(hour % 3_600_000, 0)
    sum.permitted += permitted
    sum.refused += refused
  }
  t.same(sum, { permitted: 1, refused: 5 })
})

t.test('bounds end an answer, which says so and goes on from there', async (t) => {
  const { directory } = await trail(t, 300)
  const options = { ...searchOptions(directory), limits: { readBytes: 1 } }
  const records = createSpoolSearch(options)
  const first = await records.search({ ...ALL, decision: idOf(0) }, EVERYTHING, {
    from: null,
    limit: 10,
  })
  t.match(first, { rows: [], complete: false })
  t.not(first.next, null)
  const found = await pages({ records }, 10, { decision: idOf(0) })
  t.ok(found.length > 2)
  t.same(found.flatMap(idsIn), [idOf(0)], 'and comes to it in the end')
  t.match(await records.count(ALL, EVERYTHING), { complete: false })
})

/** What of a spool was durable, for a search of its own. */
function searchOptions(directory: string, now = Date.now) {
  const chain = chainDirectory(directory)
  return { segments: () => stretchesOf(chain), chainId: chain.split('/').at(-1) ?? '', now }
}

/** The segments of a chain at rest, as their writer knew them. */
function stretchesOf(chain: string) {
  return segmentNames(chain).map((name) => {
    const path = `${chain}/${name}`
    const data = readFileSync(path)
    const whole = data.subarray(0, data.lastIndexOf('\n') + 1)
    const [, head] = /"head":"([0-9a-f]{64})"\}\n$/u.exec(whole.toString('latin1')) ?? []
    const last = whole.subarray(whole.lastIndexOf('\n', whole.length - 2) + 1, -1)
    return {
      name,
      path,
      firstSeq: 1,
      bytes: whole.length,
      lastSeq: 0,
      head: head ?? headOf(last),
      closed: true,
      touchedAt: Date.now(),
    }
  })
}

/** A closed spool of 30 records, its segments as they were known, and the one file to damage. */
async function atRest(t: Test) {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openAudit(optionsOf(directory, azureSink(sink.url)))
  for (let n = 0; n < 30; n += 1) await audit.recorder.refused({ ...exchangeOf(), id: idOf(n) })
  await audit.close(100)
  const chain = chainDirectory(directory)
  const known = stretchesOf(chain)
  const path = known[0]?.path ?? ''
  const records = createSpoolSearch({ ...searchOptions(directory), segments: () => known })
  return { records, path, text: readFileSync(path, 'utf8') }
}

/** The group with this record, as text. */
function groupWith(text: string, id: string): string {
  const at = text.indexOf(id)
  const before = text.lastIndexOf('{"group":', at)
  const closing = text.indexOf('{"group":', at)
  return text.slice(text.indexOf('\n', before) + 1, text.indexOf('\n', closing) + 1)
}

for (const [name, edit] of [
  ['an edited record', (text: string) => text.replace(`"${idOf(12)}"`, `"${idOf(99)}"`)],
  [
    'a group that is moved',
    (text: string) => {
      const [one, other] = [groupWith(text, idOf(12)), groupWith(text, idOf(20))]
      return text.replace(one, '\u0000').replace(other, one).replace('\u0000', other)
    },
  ],
  [
    'a group whose hash was made anew',
    (text: string) => {
      const group = groupWith(text, idOf(12))
      const edited = group.replace(idOf(12), idOf(99)).replace(/,"head":"[0-9a-f]{64}"\}\n$/u, '')
      return text.replace(group, `${edited},"head":"${headOf(edited)}"}\n`)
    },
  ],
  [
    'the end of a group',
    (text: string) => text.replace(/\{"group":\{"first":(\d+)/u, '{"group":{"first":9$1'),
  ],
] as const) {
  t.test(`${name} is said, is not shown, and hides no other`, async (t) => {
    const { records, path, text } = await atRest(t)
    const damaged = edit(text)
    t.equal(damaged.length === text.length || name === 'the end of a group', true)
    t.not(damaged, text)
    writeFileSync(path, damaged)
    const page = await records.search(ALL, EVERYTHING, { from: null, limit: 500 })
    t.equal(page.complete, false)
    t.ok(page.faults.length > 0)
    t.match(page.faults[0], /^segment [\w.-]+\.jsonl: /u)
    t.notOk(idsIn(page).includes(idOf(99)), 'what was forged is not shown')
    t.ok(idsIn(page).length >= 26, `${idsIn(page).length} are`)
    t.match(await records.count(ALL, EVERYTHING), { complete: false })
  })
}

t.test('bytes that are gone, a header, and a whole file are said', async (t) => {
  const { records, path, text } = await atRest(t)
  writeFileSync(path, text.slice(0, -400))
  t.match(await records.search(ALL, EVERYTHING, { from: null, limit: 500 }), { complete: false })
  writeFileSync(path, text.replace('"kind":"header"', '"kind":"headed"'))
  t.match(await records.search(ALL, EVERYTHING, { from: null, limit: 500 }), {
    complete: false,
    faults: [/no segment header/u],
  })
  writeFileSync(path, text.replace(/"openedAt":"20/u, '"openedAt":"19'))
  t.match(await records.search(ALL, EVERYTHING, { from: null, limit: 500 }), {
    complete: false,
    faults: [/header is not the one/u],
  })
})

t.test('version 1 of the format, and damage in it', async (t) => {
  const old = resolve(import.meta.dirname, '..', 'spool', 'format-1')
  const directory = spoolDirectory(t)
  cpSync(old, directory, { recursive: true })
  const chain = chainDirectory(directory)
  const known = stretchesOf(chain)
  const records = createSpoolSearch({ ...searchOptions(directory), segments: () => known })
  const found = await pages({ records }, 3)
  const rows = found.flatMap((page) => page.rows)
  t.ok(rows.length >= 8, `${rows.length} records`)
  t.ok(found.every(({ complete }) => complete))
  t.notOk(rows.some((row) => row.has('Ocsf')))
  const path = known[0]?.path ?? ''
  writeFileSync(path, readFileSync(path, 'utf8').replace('"success"', '"failure"'))
  t.match(await records.search(ALL, EVERYTHING, { from: null, limit: 500 }), { complete: false })
})

t.test('a file of any size is read a block at a time, and others have their turn', async (t) => {
  const { directory, audit } = await trail(t, 800)
  await audit.close(100)
  const stretches: Stretch[] = stretchesOf(chainDirectory(directory))
  const size = stretches.reduce((sum, { bytes }) => sum + bytes, 0)
  t.ok(size > 600_000, `${size} bytes`)
  const reading = { bytes: 0 }
  let [turns, most, before] = [0, 0, 0]
  let isOver = false
  const turn = (): void => {
    turns += 1
    most = Math.max(most, reading.bytes - before)
    before = reading.bytes
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  let rows = 0
  for await (const found of readBackwards(stretches, null, reading))
    if (found.kind === 'unit') rows += found.rows.length
  isOver = true
  t.ok(rows >= 800)
  t.equal(reading.bytes, size, 'each byte once')
  t.ok(most <= 262_144, `${most} bytes between two turns`)
  t.ok(turns >= size / 262_144)
})
