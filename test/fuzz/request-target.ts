/**
 * Fuzzing of request targets: what is judged is byte for byte what is forwarded, and means the same in any case.
 * @module
 */
import * as fc from 'fast-check'
import { classify } from '../../src/azureml/classify.ts'
import { FAMILY_NAMES } from '../../src/azureml/dataplane/families.ts'
import { upstreamPath } from '../../src/azureml/hosts/upstream-path.ts'
import { parseTarget, type Target } from '../../src/azureml/target.ts'
import { Refusal } from '../../src/errors.ts'
import { ACTIONS } from '../../src/vocabulary/actions.ts'
import type { Operation } from '../../src/vocabulary/operation.ts'
import { RESOURCE_TYPES } from '../../src/vocabulary/resource-types.ts'
import { demand, pure, type FuzzTarget } from './target.ts'

const PROVIDER = 'providers/Microsoft.MachineLearningServices'
const GROUP = `subscriptions/0a/resourceGroups/Rg/${PROVIDER}`
const STARTS = [
  'subscriptions', `subscriptions/0a/${PROVIDER}`, GROUP, `${GROUP}/workspaces/Ws`, `${GROUP}/registries/Reg`, PROVIDER,
  `mferp/managementfrontend/${GROUP}/workspaces/Ws`, '_score/0a/Rg/Ws/Ep', '_region/westus', '_operation/x', 'batch', 'discovery',
  ...FAMILY_NAMES.flatMap((name) => [name, `${name}/v1.0/${GROUP}/workspaces/Ws`, `${name}/${GROUP}/workspaces/Ws`]),
  `mlflow/v2.0/${GROUP}/workspaces/Ws/api/2.0/mlflow`, `history/v1.0/private/${GROUP}/workspaces/Ws`,
] // prettier-ignore
const WORDS = [
  ...RESOURCE_TYPES.map(({ path }) => path.split('/').at(-1) ?? ''),
  ...ACTIONS.flatMap(({ name }) => (name.endsWith('/action') ? (name.split('/').at(-2) ?? '') : [])),
  'runs', 'experimentids', 'artifacts', 'contentinfo', 'batch', 'metadata', 'create', 'search', 'get', 'query', 'a', 'providers',
  'Microsoft.Resources', 'Microsoft.Insights', 'diagnosticSettings', '$batch', 'constructor', '__proto__', 'token', 'x:y', 'n%20m',
] // prettier-ignore
/** What two readers of a path may read differently. */
const ODD = [
  '.', '..', '%2e', '%2E%2e', '..;', '%252e', '%2f', '%5c', '\\', '', ';a=b', '%00', '%0a', '%c0%af', '%ff', '%', '%4', '%zz', 'a.', 'a ',
  '%20a', '%e2%80%8b', '%ef%bc%8f', 'ａ', 'é', '%C3%A9', '\u0000', '\r\n', '#', '?', '%3f', '%23', 'a%25b', '~', "!$&'()*+,=:@", '%41', '*',
  'https://x.invalid', '@x.invalid', '/x.invalid',
] // prettier-ignore
const NAMES = ['api-version', 'API-version', 'api%2Dversion', '$filter', 'sig', 'access_token', 'a', '', '__proto__', 'a[]', '$skip'] // prettier-ignore
const VALUES = ['2024-04-01', '2024-04-01-preview', 'x', '', '%', '%20', '%00', 'a;b', 'a=b', '+', 'é', '#', '%e2%80%8b'] // prettier-ignore
const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'get', 'CONNECT', 'OPTIONS', 'TRACE', '', 'GET ', 'constructor'] // prettier-ignore

const segment = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
  { weight: 1, arbitrary: fc.string({ maxLength: 6, unit: 'binary' }) },
)
const path = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...STARTS) }, segment),
    fc.array(segment, { maxLength: 6 }),
  )
  .map(([start, rest]) => `/${[start, ...rest].join('/')}`)
const pair = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VALUES))
  .map(([name, value]) => `${name}=${value}`)
const query = fc.oneof(
  { weight: 6, arbitrary: fc.constant('?api-version=2024-04-01') },
  { weight: 1, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.array(pair, { maxLength: 4 }).map((pairs) => `?${pairs.join('&')}`),
  },
)
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET', 'PUT', 'POST', 'PATCH', 'DELETE') },
  { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
)

/** Null for what is refused as the caller's fault. */
function attempt<T>(what: () => T): T | null {
  try {
    return what()
  } catch (error) {
    if (error instanceof Refusal && error.status < 500) return null
    throw error
  }
}

/** What is judged is what is forwarded, and no reader after the gateway can read it otherwise. */
function checkTarget(target: Target, raw: string): void {
  const whole = target.query === '' ? target.path : `${target.path}?${target.query}`
  demand(whole === raw, `judged as ${whole}`)
  const plain = target.path.slice(1).split('/')
  for (const [at, one] of target.segments.entries()) {
    demand(decodeURIComponent(plain[at] ?? '') === one, `segment ${at} is not what it decodes to`)
    demand(!/[/\\%?#;\p{C}]/u.test(one), `segment ${at} has a delimiter in it`)
    demand(!/^\.*$/.test(one), `segment ${at} is empty or made of dots`)
  }
}

function checkForwarded(target: Target): void {
  const path = upstreamPath(target)
  demand(target.path.endsWith(path) && path.startsWith('/'), `forwarded as ${path}`)
  const query = target.query === '' ? '' : `?${target.query}`
  const read = new URL(path + query, 'https://x.invalid')
  demand(read.host === 'x.invalid' && read.pathname === path, `read as ${read.href}`)
  demand(read.hash === '', 'it has a fragment')
}

/** What is wrong with an operation, if anything. */
function faultOf({ action, effect, family, resource, scope, secrets }: Operation, verb: string) {
  if (
    !/^Microsoft\.(?:MachineLearningServices|Resources)\/[\w./:%$ -]+\/(?:read|write|delete|action)$/.test(
      action,
    )
  )
    return action
  const chain = [resource, ...resource.ancestors]
  const isChain = ({ type, id }: { type: string; id: string }): boolean =>
    /^[A-Z]\w+$/.test(type) && id.startsWith('/') && !id.endsWith('/')
  if (!chain.every(isChain)) return 'chain'
  if (resource.ancestors.length > 0 && resource.ancestors.at(-1)?.type !== 'Subscription')
    return 'root'
  const inside = chain.find(({ type }) => type === 'Workspace' || type === 'Registry')
  const isIn = resource.ancestors.length > 1 && inside !== undefined
  if (isIn && scope !== inside.id && !inside.id.endsWith('s')) return 'scope'
  if (scope !== null && scope !== scope.toLowerCase()) return 'case'
  // what a call asks of a model is the model's business
  if (family === 'scoring') return null
  if ((verb === 'PUT' || verb === 'PATCH') && effect === 'read') return 'a write that reads'
  if (verb === 'DELETE' && (effect === 'read' || effect === 'invoke'))
    return 'a deletion that is none'
  return /list(?:keys|secrets)|notebookkeys/i.test(action) && !secrets ? 'secrets' : null
}

export const requestTarget: FuzzTarget = pure(
  'what is judged is byte for byte what is forwarded; one meaning in any case of letters',
  30_000,
  () =>
    fc.property(method, path, query, (verb, at, asked) => {
      const raw = at + asked
      const target = attempt(() => parseTarget(verb, raw))
      if (target === null) return
      checkTarget(target, raw)
      const operation = attempt(() => classify(target))
      if (operation === null) return
      checkForwarded(target)
      const wrong = faultOf(operation, verb)
      demand(wrong === null, `operation: ${wrong}`)
      // a path of the gateway's own is written in one way, and escapes are not letters
      if (at.startsWith('/_') || at.includes('%')) return
      const shouted = attempt(() => classify(parseTarget(verb, at.toUpperCase() + asked)))
      demand(shouted?.action === operation.action, `in capitals it is ${shouted?.action}`)
    }),
)
