/** Metrics of a running gateway: they are those of docs/metrics.md, and histograms count each call. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { documented, readMetrics, ROOT, startWithMetrics } from './support/metrics.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const OF_NODE = /^harness_(?:process|nodejs)_/

const { world, port } = await startWithMetrics()
t.teardown(() => world.close())

async function authorization(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await world.lab.token('scientist')}` }
}

t.test('each call is counted in histograms, by what it was and how it ended', async (t) => {
  const headers = await authorization()
  for (const one of [
    await world.send(JOBS, { headers }),
    await world.send(JOBS, { headers }),
    await world.send(JOBS),
    await world.send(`${workspaceId()}/jobs/a?api-version=2024-04-01`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"properties":{"jobType":"Command","command":"x","environmentId":"azureml:train:1"}}',
    }),
  ])
    await world.settled(one)
  const { values } = await readMetrics(port)
  const of = (line: string): number | undefined => values.get(`harness_${line}`)
  t.equal(of('call_seconds_count{effect="read",outcome="success"}'), 2)
  t.equal(of('call_seconds_count{effect="other",outcome="refused"}'), 1)
  const writes = [...values].filter(([line]) =>
    line.startsWith('harness_call_seconds_count{effect="write"'),
  )
  t.equal(
    writes.reduce((sum, [, value]) => sum + value, 0),
    1,
  )
  t.equal(of('upstream_seconds_count{effect="read"}'), 2)
  t.equal(of('stage_seconds_count{stage="identify"}'), 4)
  t.equal(
    of('stage_seconds_count{stage="grant"}'),
    (of('upstream_seconds_count{effect="write"}') ?? 0) + 2,
  )
  t.ok((of('stage_seconds_count{stage="decide"}') ?? 0) >= 3)
  // buckets hold those below them, and the last one all
  let before = 0
  for (const [line, value] of values) {
    if (!line.startsWith('harness_call_seconds_bucket{effect="read",outcome="success"')) continue
    t.ok(value >= before, line)
    before = value
  }
  t.equal(before, 2)
  t.ok((of('call_seconds_sum{effect="read",outcome="success"}') ?? 0) > 0)
})

t.test('docs/metrics.md lists all of them, and no other', async (t) => {
  const { kinds, values } = await readMetrics(port)
  const listed = new Map(documented().map((one) => [one.name, one]))
  for (const [name, kind] of kinds) {
    if (OF_NODE.test(name)) continue
    t.equal(listed.get(name)?.kind, kind, name)
  }
  for (const { name, conditional } of listed.values())
    if (!conditional) t.ok(kinds.has(name), `${name} is there from the start`)
  for (const line of values.keys()) {
    const [, name = '', labels = ''] =
      /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})?$/.exec(line) ?? []
    const one = listed.get(name)
    if (one === undefined) continue
    const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label)
    t.same(new Set(names.filter((label) => label !== 'le')), new Set(one.labels), line)
  }
  const histograms = [...kinds].filter(([, kind]) => kind === 'summary')
  t.same(
    histograms.filter(([name]) => !OF_NODE.test(name)),
    [],
    'no summary: they do not add up',
  )
})

t.test('what the code can report is listed', async (t) => {
  const listed = new Set(documented().map(({ name }) => name))
  const literals = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(ROOT, 'src', file), 'utf8')
      const found = text.matchAll(/\b(?:counter|gauge|new Histogram)\(\s*'(\w+)'/g)
      return [...found].map(([, name = '']) =>
        file === 'audit/metrics.ts' ? `audit_${name}` : name,
      )
    })
  t.ok(literals.length > 50)
  for (const name of literals) t.ok(listed.has(`harness_${name}`), name)
})
