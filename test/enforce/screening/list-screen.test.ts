/** Answers judged item by item: what passes is byte for byte Azure's, what cannot be judged does not pass. */
import t, { type Test } from 'tap'
import { isCollection, itemOperation } from '../../../src/azureml/body/items.ts'
import { classify } from '../../../src/azureml/classify.ts'
import { classifyArm } from '../../../src/azureml/classify/arm.ts'
import { parseJson } from '../../../src/lib/json/document.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { createNeedsDocument } from '../../../src/policy/engine/what-policy-asks.ts'
import { DOCUMENT_FACTS } from '../../../src/azureml/body/facts.ts'
import { createScreening, tellsApart } from '../../../src/enforce/screening/screening.ts'
import { loadFrom, loadShipped, ML, principal, WS } from '../../policy/support.ts'
import { exchangeWith } from '../../support/exchange.ts'
import { progressOf } from '../../../src/exchange.ts'
import { NOT_ASKED } from '../via.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const READ_ALL = `
@id("read") @reason("readers read") @identity("ml-reader")
permit (principal, action in Action::"read", resource);
`
const OTHERS = `
@id("others") @reason("not of project b")
forbid (principal, action in Action::"read", resource)
when { context has tags && context.tags.contains("project=b") };
`
const me = principal({ id: 'entra/t/me', groups: ['entra/t/team'] })
const reading = (path: string) => classifyArm('GET', path.slice(1).split('/'), 'arm')
const jobs = reading(`${WS}/jobs`)

async function screenOf(t: Test, policies: string, path = `${WS}/jobs`) {
  const set = await loadFrom(t, { 'x.cedar': policies })
  const target = parseTarget('GET', `${path}?api-version=2024-04-01`)
  const operation = classify(target)
  const exchange = exchangeWith({ principal: me, target, operation, method: 'GET' })
  const decide = createDecide(set)
  const needsDocument = createNeedsDocument(set, DOCUMENT_FACTS)
  const screening = createScreening({
    decide,
    needsDocument,
    tellsApart: (...call) => tellsApart(needsDocument, ...call),
    asked: () => set.facts,
    callFacts: () => ({}),
    runLookUps: () => {
      throw new Error('nothing is looked up')
    },
  })
  const screen = screening(exchange, NOT_ASKED, progressOf(exchange))
  if (screen === null) throw new Error('the answer would stream through')
  return { exchange, screen: async (text: string) => (await screen(Buffer.from(text))).toString() }
}

const item = (name: string, project: string) =>
  `{ "id" : "${WS}/jobs/${name}", "n":1.0,"big":12345678901234567890, "properties":{"tags":{"project":"${project}"}} }`

const page = (items: string) => `{"nextLink":"https://x/y?z=1" ,\n "value": [${items}], "n": 1.0 }`

t.test('items that may not be read are left out, all else stays byte for byte', async (t) => {
  const { exchange, screen } = await screenOf(t, READ_ALL + OTHERS)
  const [a, b, c] = [item('a', 'a'), item('b', 'b'), item('c', 'c')]
  t.equal(await screen(page(`${a}, ${b} ,\n${c}`)), page(`${a},${c}`))
  t.equal(exchange.leftOut, 1)
  t.equal(await screen(page(`${b},${b}`)), page(''))
  t.equal(
    await screen(page(`${a} , ${c}`)),
    page(`${a} , ${c}`),
    'untouched if nothing is left out',
  )
  t.equal(exchange.leftOut, 0)
  t.equal(await screen(page('')), page(''))
})

t.test('an item that does not say what it is is left out', async (t) => {
  const { screen } = await screenOf(t, READ_ALL + OTHERS)
  for (const bad of [
    '{}',
    '1',
    'null',
    '{"id":null}',
    '{"id":"jobs/a"}',
    `{"id":"${WS}/jobs"}`,
    `{"id":"${WS}/nonsense/x"}`,
    '{"id":"/"}',
    `{"id":"${WS}/jobs/a","properties":{"tags":{},"Tags":{"project":"b"}}}`,
  ])
    t.equal(await screen(`{"value":[${bad}]}`), '{"value":[]}', bad)
})

t.test('an answer that cannot be read is refused', async (t) => {
  const { screen } = await screenOf(t, READ_ALL + OTHERS)
  for (const bad of ['', 'x', '[]', '{}', '{"value":{}}', '{"value":[],"value":[]}', '{"value":[}'])
    await t.rejects(screen(bad), { code: 'upstream_bad_answer' }, bad)
})

t.test('a single document is judged by what it says', async (t) => {
  const { exchange, screen } = await screenOf(t, READ_ALL + OTHERS, `${WS}/jobs/a`)
  t.equal(await screen(item('a', 'a')), item('a', 'a'))
  await t.rejects(screen(item('a', 'b')), { code: 'policy_refused', message: 'not of project b' })
  t.same(exchange.decision?.policies, ['others'])
})

t.test('an item belongs to where its own id says, not to where it was listed', async (t) => {
  const { screen } = await screenOf(
    t,
    `${READ_ALL}${OTHERS}
     @id("ws-b") @reason("not of this workspace")
     forbid (principal, action, resource in Workspace::"${WS}-b");`,
  )
  t.equal(await screen(`{"value":[{"id":"${WS}-b/jobs/a"}]}`), '{"value":[]}')
})

t.test('a job that may not be read as a run is left out, too', async (t) => {
  const runs = `
    @id("runs") @reason("not of project b")
    forbid (principal, action == Action::"${ML}/workspaces/experiments/runs/read", resource is Run)
    when { context has tags && context.tags.contains("project=b") };`
  const { screen } = await screenOf(t, READ_ALL + runs)
  t.equal(await screen(page(`${item('a', 'a')},${item('b', 'b')}`)), page(item('a', 'a')))
})

t.test('lists of the management front end are screened like those of ARM', async (t) => {
  const REGISTRY = `${WS.split('/workspaces/')[0]}/registries/shared`
  const models = `/mferp/managementfrontend${REGISTRY}/models`
  const { screen } = await screenOf(t, READ_ALL + OTHERS, models)
  const model = (name: string, project: string) =>
    `{"id":"azureml://registries/shared/models/${name}","name":"${name}","properties":{"tags":{"project":"${project}"}}}`
  t.equal(
    await screen(`{"value":[${model('a', 'a')},${model('b', 'b')},${model('a/b', 'a')}]}`),
    `{"value":[${model('a', 'a')}]}`,
  )
})

t.test('what an id names', async (t) => {
  t.equal(itemOperation(parseJson(Buffer.from(item('A', ''))), jobs)?.resource.id, `${WS}/jobs/A`)
  t.ok(isCollection(jobs.resource))
  t.notOk(isCollection(reading(`${WS}/jobs/a`).resource))
  t.ok(isCollection(reading(`${WS}/models/m/versions`).resource))
  t.notOk(isCollection(reading('/subscriptions/s').resource))
})

const forbid = (scope: string, when = '') => `@id("f") @reason("r") forbid (${scope}) ${when};`

t.test('only where policy tells items apart are answers looked through', async (t) => {
  const apart = async (policies: string, path: string): Promise<boolean> => {
    const set = await loadFrom(t, { 'x.cedar': READ_ALL + policies })
    const operation = reading(path)
    const collection = isCollection(operation.resource)
    return createNeedsDocument(set, DOCUMENT_FACTS)(me, operation, collection) !== null
  }
  const tags = 'when { context has tags && context.tags.contains("x") }'
  const list = `${WS}/jobs`
  t.equal(await apart('', list), false)
  t.equal(await apart(OTHERS, list), true)
  t.equal(await apart(OTHERS, `${WS}/jobs/a`), true, 'one document is judged as well')
  t.equal(await apart(forbid('principal, action in Action::"write", resource', tags), list), false)
  t.equal(
    await apart(forbid('principal in Group::"entra/t/x", action, resource', tags), list),
    false,
  )
  t.equal(
    await apart(forbid('principal in Group::"entra/t/team", action, resource', tags), list),
    true,
  )
  t.equal(await apart(forbid(`principal, action, resource == Job::"${WS}/jobs/a"`), list), true)
  t.equal(
    await apart(forbid(`principal, action, resource == Job::"${WS}/jobs/a"`), `${WS}/models`),
    false,
  )
  t.equal(
    await apart(forbid(`principal, action, resource == Job::"${WS}/jobs/a"`), `${WS}/jobs/a`),
    false,
  )
  t.equal(
    await apart(
      forbid('principal, action, resource', `when { resource == Job::"${WS}/jobs/a" }`),
      list,
    ),
    true,
  )
  t.equal(await apart(forbid(`principal, action, resource in Workspace::"${WS}"`), list), false)
  const workspaces = `${WS.split('/workspaces/')[0]}/workspaces`
  t.equal(
    await apart(forbid(`principal, action, resource in Workspace::"${WS}"`), workspaces),
    true,
  )
  t.equal(
    await apart(
      '@id("f") @reason("r") @shadow forbid (principal, action, resource) when { context has tags };',
      list,
    ),
    false,
    'a shadow has no effect',
  )
})

t.test('the shipped templates let lists stream', async (t) => {
  const set = await loadShipped(
    t,
    `identities: [ml-reader, ml-writer]
bindings:
  - { id: b, template: data-scientist, principal: 'Group::"entra/t/team"', resource: 'Workspace::"${WS}"' }
`,
  )
  t.equal(createNeedsDocument(set, DOCUMENT_FACTS)(me, jobs, true), null)
})
