/** Which calls of the data plane have to be judged by what they are about: those of callers to whom such a policy applies. */
import t, { type Test } from 'tap'
import { classify } from '../../src/azureml/classify.ts'
import { DOCUMENT_FACTS } from '../../src/azureml/body/facts.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { factsNeeded, apiOf, isClassified } from '../../src/enforce/what-must-be-known.ts'
import { createNeedsDocument } from '../../src/policy/engine/what-policy-asks.ts'
import { loadFrom, ML, principal, WS } from '../policy/support.ts'
import { exchangeWith } from '../support/exchange.ts'

const ALL = '@id("p") @reason("r") @identity("ml-reader") permit (principal, action, resource);'
const TAGS = 'context has tags && context.tags.contains("x")'
const RUNS = `/history/v1.0${WS}/experiments/e/runs:query`
const MODELS = `/mlflow/v1.0${WS}/api/2.0/mlflow/registered-models/search`
const EXPERIMENTS = `/mlflow/v1.0${WS}/api/2.0/mlflow/experiments/search`
const SET_TAG = `/mlflow/v1.0${WS}/api/2.0/mlflow/runs/set-tag`
const me = principal({ id: 'entra/t/me', groups: ['entra/t/team'] })

async function apart(
  t: Test,
  scope: string,
  condition: string,
  path = RUNS,
  method = 'POST',
): Promise<readonly string[] | null> {
  const forbid = `@id("f") @reason("r") forbid (${scope}) ${condition};`
  const set = await loadFrom(t, { 'x.cedar': `${ALL}\n${forbid}` })
  const target = parseTarget(method, path)
  const exchange = exchangeWith({ principal: me, target, operation: classify(target), method })
  if (!isClassified(exchange)) throw new Error('it is')
  const found = factsNeeded(createNeedsDocument(set, DOCUMENT_FACTS), exchange, true)
  return found === null ? null : [...(found.facts ?? ['all']), ...(found.named ? ['named'] : [])]
}

const action = (name: string) => `action == Action::"${ML}/workspaces/${name}"`

t.test('runs are told apart by policies for runs and for jobs', async (t) => {
  t.same(await apart(t, 'principal, action, resource', `when { ${TAGS} }`), ['tags'])
  t.same(await apart(t, `principal, ${action('jobs/read')}, resource is Job`, `when { ${TAGS} }`), [
    'tags',
  ])
  t.same(
    await apart(
      t,
      `principal, ${action('experiments/runs/read')}, resource is Run`,
      `when { ${TAGS} }`,
    ),
    ['tags'],
  )
  t.same(await apart(t, `principal, action, resource == Job::"${WS}/jobs/one"`, ''), ['named'])
  t.same(await apart(t, `principal, action, resource == Run::"${WS}/runs/one"`, ''), ['named'])
})

t.test('not by policies that cannot apply', async (t) => {
  const when = `when { ${TAGS} }`
  for (const [scope, condition] of [
    ['principal, action, resource', ''],
    ['principal, action in Action::"write", resource', when],
    [`principal, ${action('models/read')}, resource`, when],
    ['principal, action, resource is Model', when],
    [`principal, action, resource in Workspace::"${WS}-other"`, when],
    [`principal, action, resource == Job::"${WS}-other/jobs/one"`, ''],
    ['principal in Group::"entra/t/others", action, resource', when],
    ['principal, action, resource', 'when { context has apiVersion }'],
  ] as const)
    t.equal(await apart(t, scope, condition), null, `${scope} ${condition}`)
})

t.test('a fact that the data plane does not tell refuses reads, by name', async (t) => {
  const images = 'when { context has images && context.images.contains("x") }'
  await t.rejects(apart(t, `principal, ${action('jobs/read')}, resource`, images), {
    code: 'policy_refused',
    message: 'policy asks for "images" here, of which the data plane tells tags only',
    detail: { policies: ['f'] },
  })
  t.equal(
    await apart(t, `principal, ${action('jobs/read')}, resource`, images, EXPERIMENTS),
    null,
    'experiments are no jobs',
  )
  t.equal(
    await apart(t, 'principal, action in Action::"write", resource', images, SET_TAG),
    null,
    'a change to a run has no image',
  )
  t.same(
    await apart(t, 'principal, action in Action::"write", resource', `when { ${TAGS} }`, SET_TAG),
    ['tags'],
  )
})

t.test('models are told apart as models and as their versions', async (t) => {
  const versions = `principal, ${action('models/versions/read')}, resource is ModelVersion`
  t.same(await apart(t, versions, `when { ${TAGS} }`, MODELS, 'GET'), ['tags'])
  t.same(await apart(t, versions, `when { ${TAGS} }`), null)
  t.same(
    await apart(t, `principal, action, resource == Model::"${WS}/models/m"`, '', MODELS, 'GET'),
    ['named'],
  )
})

t.test('what a call is answered in', async (t) => {
  const form = (path: string, method = 'GET') => {
    const target = parseTarget(method, path)
    return apiOf(exchangeWith({ target, operation: classify(target) }))
  }
  t.equal(form(`${WS}/jobs?api-version=2024-04-01`), 'arm')
  t.equal(form(`/MFERP/managementFrontend${WS}/jobs?api-version=2024-04-01`), 'arm')
  t.equal(form(RUNS, 'POST'), 'data plane')
  t.equal(form(`/artifact/v2.0${WS}/artifacts/ExperimentRun/dcid.r/contentinfo`), 'data plane')
  for (const path of [
    '/discovery',
    '/registrymanagement/v1.0/registries/azureml/discovery',
    `/content/v2.0${WS}/snapshots/getByHash`,
  ])
    t.equal(form(path), null, path)
})
