/** Tags of runs, asked of run history: whose a part of a job is, how much is asked, and what becomes of bad answers. */
import t, { type Test } from 'tap'
import { createRunLookUps } from '../../../src/enforce/lookups/run.ts'
import type { AskAzure } from '../../../src/forward/ask.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { Grant } from '../../../src/token/grant.ts'
import { loadFrom, operation, principal, WS } from '../../policy/support.ts'
import { exchangeWith } from '../../support/exchange.ts'

const ALL = '@id("p") @reason("r") @identity("ml-reader") permit (principal, action, resource);'
const ORIGIN = 'https://eastus.api.azureml.ms'

interface Told {
  readonly tags?: unknown
  readonly rootRunId?: string
  readonly parentRunId?: string
  readonly runId?: string
}

/** Lookups of one call, of a run history that has these runs. */
async function world(t: Test, runs: Readonly<Record<string, Told>>, ask?: AskAzure) {
  const set = await loadFrom(t, { 'x.cedar': ALL })
  const asked: string[] = []
  let atOnce = 0
  let most = 0
  const lookUps = createRunLookUps(
    ask ??
      (async (grant, decision, origin, path) => {
        t.equal(grant.identity.name, 'ml-reader', 'under the identity of the call')
        t.equal(decision, exchange.id)
        const id = path.replace(`/history/v1.0${WS}/runs/`, '')
        t.equal(origin, ORIGIN)
        asked.push(id)
        most = Math.max(most, (atOnce += 1))
        await new Promise((done) => setImmediate(done))
        atOnce -= 1
        const run = runs[id]
        return run === undefined ? null : { runId: id, ...run }
      }),
    1_000,
  )
  const exchange = exchangeWith({})
  const of = (caller = 'one') => {
    const who = principal({ id: `entra/t/${caller}` })
    const { permit } = createDecide(set)(who, operation('workspaces/experiments/runs/read'), {})
    if (permit === null) throw new Error('all is permitted')
    return lookUps(exchange, {
      route: async (asked, to) => {
        t.match(asked, { action: /runs\/read$/, family: 'dataplane', resource: { type: 'Run' } })
        t.equal(to.method, 'GET')
        return { origin: ORIGIN, scope: 'scope' }
      },
      permit,
      grantFor: async () =>
        new Grant(permit, { name: 'ml-reader', clientId: null, objectId: null }, 'Bearer token'),
    })
  }
  return { asked, of, most: () => most }
}

const entry = (id: string, above: string | null = null, tags: readonly string[] = []) => ({
  id,
  tags,
  above,
})

t.test('a run has the tags of all that it is a part of', async (t) => {
  const { of, asked } = await world(t, {
    job: { tags: { project: 'a' }, rootRunId: 'job' },
    step: { tags: { step: '1' }, rootRunId: 'job', parentRunId: 'job' },
    nested: { tags: { project: 'b' }, parentRunId: 'step' },
  })
  t.same(await of().tagsOf('job'), ['project=a'])
  t.same(await of().tagsOf('step'), ['step=1', 'project=a'])
  t.same(await of().tagsOf('nested'), ['project=b', 'step=1', 'project=a'])
  t.equal(await of().tagsOf('nowhere'), null)
  t.same(asked, ['job', 'step', 'nested', 'nowhere'], 'what was told is remembered')
  await of('another').tagsOf('job')
  t.equal(asked.length, 5, 'but not told to another caller')
})

t.test('whose a run is cannot be told without the run that it is a part of', async (t) => {
  const { of } = await world(t, {
    orphan: { parentRunId: 'gone' },
    odd: { parentRunId: '../models/m' },
    left: { parentRunId: 'right' },
    right: { parentRunId: 'left' },
    ...Object.fromEntries(
      Array.from({ length: 12 }, (_, at) => [`deep${at}`, { parentRunId: `deep${at + 1}` }]),
    ),
    deep12: {},
  })
  for (const id of ['orphan', 'odd', 'left', 'deep0'])
    await t.rejects(of().tagsOf(id), { code: 'policy_refused', message: /whose this run is/ }, id)
  t.same(await of().tagsOf('deep6'), [], 'eight levels are more than anybody nests')
  t.same(await of().tagsOfAll([entry('one', 'gone', ['a=b']), entry('two', null, ['c=d'])]), [
    null,
    ['c=d'],
  ])
})

t.test('a page is asked about once, and not for what is on it', async (t) => {
  const { of, asked, most } = await world(
    t,
    Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`job${at}`, { tags: { n: at } }])),
  )
  const page = Array.from({ length: 200 }, (_, at) => entry(`run${at}`, `job${at % 40}`))
  const tags = await of().tagsOfAll([...page, entry('here', null, ['x=y']), entry('part', 'here')])
  t.equal(asked.length, 40)
  t.ok(most() <= 8, 'eight at a time')
  t.same(tags.slice(-2), [['x=y'], ['x=y']])
  t.same(tags[41], ['n=1'])
})

t.test('an answer with parts of too many jobs is refused, with what to do', async (t) => {
  const { of, asked } = await world(t, {})
  const page = Array.from({ length: 101 }, (_, at) => entry(`run${at}`, `job${at}`))
  await t.rejects(of().tagsOfAll(page), {
    code: 'policy_refused',
    message: /more than 100 jobs/,
    detail: { remedy: 'ask for fewer at a time' },
  })
  t.same(asked, [])
})

t.test('what cannot be read is refused', async (t) => {
  const { of } = await world(t, {
    other: { runId: 'another' },
    tagged: { tags: 'project=a' },
    strange: { tags: [{ key: 'a' }, { key: 'a' }] },
  })
  for (const id of ['other', 'tagged', 'strange'])
    await t.rejects(of().tagsOf(id), { code: 'upstream_bad_answer' }, id)
  const failing = await world(t, {}, () => Promise.reject(new Error('no connection')))
  await t.rejects(failing.of().tagsOfAll([entry('a', 'b')]), { message: 'no connection' })
})
