/**
 * Whoever has no access to a place is told no name of a template or binding, whichever way the call is refused.
 */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import { PERSONAS, RESOURCE_GROUP, SUBSCRIPTION, TENANT, workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { send, type Answer } from '../support/send.ts'

const persona = PERSONAS.get('outsider')
if (persona?.kind !== 'entra-user') throw new Error('the outsider is a person')
const OUTSIDER = `User::"entra/${TENANT}/${persona.oid}"`

/** A template of its own that forbids, with `kept` in every name that nobody outside is to learn. */
const forbid = (id: string, action: string, more: string, when: string): string => `
@id("kept-${id}")
@reason("this is not for everybody")
${more}
forbid (principal in ?principal, action in ${action}, resource in ?resource)
${when};`
const READ = 'Action::"read"'
const CHANGE = '[Action::"write", Action::"delete", Action::"invoke"]'
const TAGS = 'when { context has tags && !context.tags.contains("team=red") }'

const FAILING = {
  'kept-failing': forbid(
    'failing',
    `[Action::"read", Action::"write", Action::"delete", Action::"invoke", Action::"secrets"]`,
    '',
    'when { context has tokenAgeSeconds && (context.tokenAgeSeconds + 2) * 9223372036854775807 > 1 }',
  ),
}
const FORBIDDING = {
  'kept-tags': forbid('tags', READ, '', TAGS),
  'kept-changes': forbid('changes', CHANGE, '', TAGS),
  'kept-sizes': forbid(
    'sizes',
    READ,
    '',
    'when { context has instanceCount && context.instanceCount > 8 }',
  ),
  'kept-review': forbid('review', CHANGE, '@approval("reviewers=1 from=owners")', ''),
  'kept-sign-in': forbid('sign-in', CHANGE, '@stepup("max-age=300")', ''),
  'kept-deletes': forbid('deletes', 'Action::"delete"', '', ''),
}

async function policiesWith(templates: Readonly<Record<string, string>>): Promise<OwnPolicies> {
  const names = Object.keys(templates)
  const files = names.map((name) => [`templates/${name}.cedar`, templates[name] ?? ''] as const)
  const binding = (name: string): string => `
  - id: ${name}-binding
    template: ${name}
    principal: ${OUTSIDER}
    resource: Workspace::"lab"`
  return ownPolicies(Object.fromEntries(files), `${names.map(binding).join('')}\n`)
}

const failing = await policiesWith(FAILING)
const forbidding = await policiesWith(FORBIDDING)
const change =
  ({ change: own }: OwnPolicies) =>
  (config: Gateway['config']): Gateway['config'] => ({
    ...own(config),
    operationKey: { fromEnv: 'OPERATION_KEY' },
  })
const env = { OPERATION_KEY: 'a key of all replicas, and 32 bytes of it' }
let world: World
let second: Gateway
t.before(async () => {
  world = await startGateway({ gateway: { env, change: change(failing) } })
  second = await spawnGateway(world.lab, {
    env,
    change: change(forbidding),
    configFile: join(world.lab.directory, 'second.yaml'),
    spool: join(world.lab.directory, 'second'),
  })
})
t.teardown(async () => {
  await second.stop()
  await world.close()
  await failing.remove()
  await forbidding.remove()
})

const W = workspaceId()
const V = 'api-version=2024-04-01'
const JSON_TYPE = { 'content-type': 'application/json' }
const put = (body: object) => ({ method: 'PUT', headers: JSON_TYPE, body: JSON.stringify(body) })
const post = (body: object) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })
const RUN = '11111111-2222-4333-8444-555555555555'

/** Calls of each family, those that are judged by a body, by what Azure has, or by a list. */
const CALLS: readonly (readonly [path: string, init?: object])[] = [
  [`${W}?${V}`],
  [`${W}/jobs?${V}`],
  [`${W}/jobs?${V}&$filter=tags`],
  [`${W}/jobs/one?${V}`],
  [`${W}/jobs/one?${V}`, { method: 'DELETE' }],
  [`${W}/jobs/one?${V}`, put({ properties: { jobType: 'Command', tags: { team: 'blue' } } })],
  [`${W}/jobs/one/cancel?${V}`, { method: 'POST' }],
  [`${W}/models/m/versions/1?${V}`, put({ properties: { tags: {} } })],
  [`${W}/computes/c?${V}`, put({ properties: { computeType: 'AmlCompute' } })],
  [`${W}/onlineEndpoints/e?${V}`, put({ properties: {} })],
  [`${W}/listKeys?${V}`, { method: 'POST' }],
  [`${W}/datastores/d/listSecrets?${V}`, { method: 'POST' }],
  [`/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}?${V}`],
  [`/history/v1.0${W}/experiments/e/runs/${RUN}`],
  [`/history/v1.0${W}/experiments/e/runs/${RUN}`, { ...put({ tags: {} }), method: 'PATCH' }],
  [`/history/v1.0${W}/experiments/e/runs:query`, post({ filter: 'x' })],
  [`/mlflow/v1.0${W}/api/2.0/mlflow/runs/get?run_id=${RUN}`],
  [`/mlflow/v1.0${W}/api/2.0/mlflow/runs/search`, post({ filter: 'x', experiment_ids: ['1'] })],
  [`/mlflow/v1.0${W}/api/2.0/mlflow/runs/update`, post({ run_id: RUN, status: 'FAILED' })],
  [`/mlflow/v1.0${W}/api/2.0/mlflow/runs/delete`, post({ run_id: RUN })],
  [`/mlflow/v1.0${W}/api/2.0/mlflow/registered-models/create`, post({ name: 'm' })],
  [`/mlflow/v1.0${W}/api/3.0/mlflow/traces/search`, post({ filter: 'x' })],
  [`/_harness/decisions`],
  [`/_harness/whoami`],
  [`/_harness/can?on=${W}`],
  [`/_harness/can?on=${W}&action=workspaces/jobs/read`],
  [`/_harness/can?on=lab`],
]

async function ask(url: string, path: string, init: object = {}): Promise<Answer> {
  const { headers = {}, ...more } = init as { headers?: Record<string, string> }
  const authorization = `Bearer ${await world.lab.token('outsider')}`
  return send(url, world.lab.certificates.ca, path, {
    ...more,
    headers: { ...headers, authorization },
  })
}

async function namesNothing(t: Test, url: string): Promise<ReadonlySet<string>> {
  const codes = new Set<string>()
  for (const [path, init] of CALLS) {
    const answer = await ask(url, path, init)
    const text = `${answer.text} ${JSON.stringify(answer.headers)}`
    t.notMatch(
      text,
      /kept-|scientists|data-scientist|"reader"|ml-readers/,
      `${path} ${answer.text}`,
    )
    if (path.startsWith('/_harness/')) continue
    const { error, error_code, message } = answer.json() as {
      error?: { code: string; additionalInfo: { info: { access?: { url: string } } }[] }
      error_code?: string
      message?: string
    }
    t.ok([403, 400].includes(answer.status), `${path} ${answer.status}`)
    codes.add(error?.code ?? message?.split(':')[0] ?? String(error_code))
    const link = error?.additionalInfo[0]?.info.access?.url
    if (link === undefined) continue
    const why = await ask(url, link.slice(link.indexOf('/_harness')))
    t.equal(why.status, 200, path)
    t.notMatch(why.text, /kept-|scientists|"reader"/, `why ${path} ${why.text}`)
  }
  return codes
}

t.test('a policy that fails is named to the operator alone', async (t) => {
  const codes = await namesNothing(t, world.url)
  t.ok(codes.has('policy_error'), [...codes].join())
  const answer = await ask(world.url, `${W}/jobs/one?${V}`)
  t.match(answer.json(), { error: { code: 'policy_error', message: /^a policy could not be/ } })
  const rows = await world.settled(answer)
  t.match(JSON.stringify(rows), 'kept-failing-binding', 'and its name is in the record')
})

t.test('whoever has some access there is told the names', async (t) => {
  const authorization = `Bearer ${await world.lab.token('reader')}`
  const headers = { authorization, ...JSON_TYPE }
  const answer = await send(second.url, world.lab.certificates.ca, `${W}/computes/c?${V}`, {
    ...put({ properties: { computeType: 'AmlCompute' } }),
    headers,
  })
  t.match(answer.json(), { error: { message: /the role ml-engineer/ } })
})

t.test('one that forbids, asks for facts, a sign-in or a review is not named either', async (t) => {
  const codes = await namesNothing(t, second.url)
  t.ok(codes.has('policy_refused') && codes.has('secrets_refused'), [...codes].join())
})
