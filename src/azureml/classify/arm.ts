/**
 * An ARM call becomes an operation: the resource type of its path and the method give the RBAC action.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { parseProviderPath, parseScope, unknownType } from './arm-path.ts'
import type { ArmPath } from './arm-path.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { classifyExtension, classifyPlatform } from './platform.ts'
import type { Effect, Family, Operation } from '../../vocabulary/operation.ts'
import { findPost, findVerb, isListed, type Post } from '../../vocabulary/actions.ts'

/** `2024-04-01`, `2024-07-01-preview`, `2020-09-01-dataplanepreview`. */
const API_VERSION = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:-[a-z]{1,32})?$/i

/** What each method does by ARM's rules; POST depends on the path. */
const EFFECTS: ReadonlyMap<string, Effect> = new Map([
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['PUT', 'write'],
  ['PATCH', 'write'],
  ['DELETE', 'delete'],
])

/**
 * ARM requires `api-version` on each call, because a path can mean something else in another version.
 *
 * @throws {Refusal} `missing_api_version` or `bad_query`
 */
export function checkApiVersion(params: ReadonlyMap<string, string>): void {
  const version = params.get('api-version')
  if (version === undefined || version === '') {
    throw new Refusal('missing_api_version', 'the query has no api-version')
  }
  if (!API_VERSION.test(version)) {
    throw new Refusal('bad_query', 'the api-version is not a date such as 2024-04-01')
  }
}

/**
 * Classifies a path that begins with `/subscriptions` or `/providers`.
 *
 * @throws {Refusal} `unknown_operation`, `tunnel_refused` or `method_not_allowed`
 */
export function classifyArm(
  method: string,
  segments: readonly string[],
  family: Family,
): Operation {
  const { links, used } = parseScope(segments)
  const [keyword, provider, ...rest] = segments.slice(used)
  if (keyword?.toLowerCase() !== 'providers' || provider === undefined) {
    return classifyPlatform(method, segments, links)
  }
  if (provider.toLowerCase() !== PROVIDER.toLowerCase() || rest.length === 0) {
    return classifyPlatform(method, segments, links)
  }
  checkScope(links, rest)
  if (rest.length === 1 && rest[0]?.toLowerCase() === 'register') {
    if (method !== 'POST') throw notAllowed(method)
    return register(links)
  }
  // The last provider decides the namespace. Types are at even positions, so a name cannot pass for one.
  const nested = rest.findIndex((word, at) => at % 2 === 0 && word.toLowerCase() === 'providers')
  if (nested !== -1) {
    return classifyExtension(
      method,
      parseProviderPath(links, rest.slice(0, nested)),
      rest.slice(nested + 1),
    )
  }
  return toOperation(method, parseProviderPath(links, rest), family)
}

/** A resource that is in a group must name it: without, its id would be a different one to policies. */
function checkScope(links: ArmPath['resource']['ancestors'], rest: readonly string[]): void {
  const type = rest[0]?.toLowerCase()
  const root = links[0]?.type ?? 'Tenant'
  const named = rest.length > 1
  const fits =
    type === 'operations'
      ? root === 'Tenant'
      : type === 'locations' || type === 'register'
        ? root === 'Subscription'
        : root === 'ResourceGroup' || (root === 'Subscription' && !named)
  if (!fits) {
    throw new Refusal(
      'unknown_operation',
      `"${(rest[0] ?? '').slice(0, 64)}" is not served at this scope`,
    )
  }
}

function toOperation(method: string, path: ArmPath, family: Family): Operation {
  if (method === 'POST') return posted(path, family)
  const effect = EFFECTS.get(method)
  if (effect === undefined) throw notAllowed(method)
  if (path.at === 'verb') {
    if (effect !== 'read') throw notAllowed(method)
    throw unknownType(path.type.path, path.verb ?? '')
  }
  if (path.at === 'collection' && effect !== 'read') throw notAllowed(method)
  const { type, resource, scope } = path
  return {
    action: `${PROVIDER}/${type.action ?? type.path}/${effect}`,
    effect,
    resource,
    family,
    secrets: false,
    longRunning: effect !== 'read' && type.longRunning?.includes(method) === true,
    scope,
    inspectable: effect === 'write' && type.inspectable === true,
  }
}

function posted(path: ArmPath, family: Family): Operation {
  const post = postOf(path)
  if (post === null) throw notAllowed('POST')
  return {
    ...post,
    resource: path.resource,
    family,
    scope: path.scope,
    inspectable:
      path.type.inspectable === true && (path.at === 'collection' || isListed(post.action)),
  }
}

function postOf(path: ArmPath): Post | null {
  if (path.at === 'verb') return findVerb(path.type.path, checkedVerb(path.verb ?? ''))
  return findPost(path.type.path, path.at === 'collection' ? '' : '{name}')
}

/** An action's name goes into policies, roles and records, where `*` stands for others. */
function checkedVerb(verb: string): string {
  if (/^[a-z]\w*$/i.test(verb)) return verb
  throw new Refusal('unknown_operation', `"${verb.slice(0, 64)}" is not the name of an action`)
}

function register(links: ArmPath['resource']['ancestors']): Operation {
  return {
    action: `${PROVIDER}/register/action`,
    effect: 'invoke',
    resource: { type: 'Subscription', id: links[0]?.id ?? '', ancestors: [] },
    family: 'arm',
    secrets: false,
    longRunning: false,
    scope: null,
    inspectable: false,
  }
}

function notAllowed(method: string): Refusal {
  return new Refusal('method_not_allowed', `${method} has no meaning at this path`)
}
