import t from 'tap'
import { RESOURCE_TYPES } from '../../../src/vocabulary/resource-types.ts'
import { classify } from '../../../src/azureml/classify.ts'
import { FAMILY_NAMES } from '../../../src/azureml/dataplane/families.ts'
import type { Operation } from '../../../src/vocabulary/operation.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { upstreamPath } from '../../../src/azureml/hosts/upstream-path.ts'
import { ACTIONS } from '../../../src/vocabulary/actions.ts'
import { Refusal } from '../../../src/errors.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

/** mulberry32: deterministic, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}

const next = random(3)
const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T

const PROVIDER = 'providers/Microsoft.MachineLearningServices'
const GROUP = `subscriptions/0a/resourceGroups/Rg/${PROVIDER}`
const STARTS = [
  'subscriptions', `subscriptions/0a/${PROVIDER}`, GROUP, `${GROUP}/workspaces/Ws`, `${GROUP}/registries/Reg`, PROVIDER,
  `mferp/managementfrontend/${GROUP}/workspaces/Ws`, '_score/0a/Rg/Ws/Ep', '_region/westus', '_operation/x', 'batch', 'discovery',
  ...FAMILY_NAMES.flatMap((name) => [name, `${name}/v1.0/${GROUP}/workspaces/Ws`, `${name}/${GROUP}/workspaces/Ws`]),
  `mlflow/v2.0/${GROUP}/workspaces/Ws/api/2.0/mlflow`, `history/v1.0/private/${GROUP}/workspaces/Ws`,
] // prettier-ignore
const WORDS = [
  ...RESOURCE_TYPES.map(({ path }) => path.split('/').at(-1) ?? ''), ...ACTIONS.flatMap(({ name }) => (name.endsWith('/action') ? (name.split('/').at(-2) ?? '') : [])),
  'runs', 'experimentids', 'artifacts', 'contentinfo', 'batch', 'metadata', 'create', 'search', 'get', 'query', 'a', 'providers',
  'Microsoft.Resources', 'Microsoft.Insights', 'diagnosticSettings', '$batch', 'constructor', '__proto__', 'token', 'x:y', 'n%20m',
] // prettier-ignore
const METHODS = ['GET', 'GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'POST', 'DELETE']

function attempt(method: string, raw: string): Operation | null {
  try {
    return classify(parseTarget(method, raw))
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) return null
    throw error
  }
}

/** What is wrong with an operation, if anything. */
function fault(
  { action, effect, family, resource, scope, secrets }: Operation,
  method: string,
): string | null {
  if (
    !/^Microsoft\.(?:MachineLearningServices|Resources)\/[\w./:%$ -]+\/(?:read|write|delete|action)$/.test(
      action,
    )
  )
    return action
  const chain = [resource, ...resource.ancestors]
  if (
    !chain.every(
      ({ type, id }) => /^[A-Z]\w+$/.test(type) && id.startsWith('/') && !id.endsWith('/'),
    )
  )
    return 'chain'
  if (resource.ancestors.length > 0 && resource.ancestors.at(-1)?.type !== 'Subscription')
    return 'root'
  const inside = chain.find(({ type }) => type === 'Workspace' || type === 'Registry')
  if (
    resource.ancestors.length > 1 &&
    inside !== undefined &&
    scope !== inside.id &&
    !inside.id.endsWith('s')
  )
    return 'scope'
  if (scope !== null && scope !== scope.toLowerCase()) return 'case'
  // what a call asks of a model is the model's business
  if (family === 'scoring') return null
  if ((method === 'PUT' || method === 'PATCH') && effect === 'read') return 'a write that reads'
  if (method === 'DELETE' && (effect === 'read' || effect === 'invoke'))
    return 'a deletion that is none'
  return /list(?:keys|secrets)|notebookkeys/i.test(action) && !secrets ? 'secrets' : null
}

t.test('random calls are refused or make sense, and case does not change what they mean', (t) => {
  let accepted = 0
  for (let round = 0; round < 30_000; round += 1) {
    const length = Math.floor(next() * 6)
    const raw = `/${[pick(STARTS), ...Array.from({ length }, () => pick(WORDS))].join('/')}?api-version=2024-04-01`
    const method = pick(METHODS)
    const operation = attempt(method, raw)
    const shouted = attempt(
      method,
      raw.replace(/^\/(?!_)[^?]*/, (path) => path.replace(/%20/g, '').toUpperCase()),
    )
    if (operation === null) continue
    accepted += 1
    const wrong = fault(operation, method)
    if (wrong !== null) t.fail(`${method} ${raw}: ${wrong}`)
    if (!raw.includes('%20') && shouted?.action !== operation.action)
      t.fail(`${method} ${raw} in capitals`)
    const target = parseTarget(method, raw)
    const path = upstreamPath(target)
    if (!target.path.endsWith(path) || new URL(path, 'https://x.invalid').pathname !== path)
      t.fail(path)
  }
  t.ok(accepted > 700, `${accepted} of 30000 were accepted`)
  t.end()
})
