/**
 * A family of the data plane: the routes under one prefix of `{region}.api.azureml.ms`, one a line.
 *
 * A line has method, route and action. A route is what follows the workspace's ARM id; `{Run}` is one segment
 * and names the thing there (kinds.ts), `{_}` is one segment that names nothing. Literals compare without
 * case and are listed before the placeholders that they could be taken for. `secrets` ends a line whose
 * answer holds tokens, keys or SAS; `bytes` one whose answer is what somebody stored, whatever it is.
 *
 * The data plane publishes no permissions of its own: each action is the published one nearest to what the
 * route does, as its service's specification or SDK shows it.
 *
 * `[value]` after the kind of a read says that the answer lists such things in that member, `{run}` that the member is
 * one, `{}` that the answer itself is one. Without either, the answer does not tell whose thing it is about.
 * @module
 */
import type { Tells } from '../../vocabulary/operation.ts'
import type { KindName } from './kinds.ts'
import { isKind } from './kinds.ts'

/** One segment of a route: a literal in lower case, or a name with what stands around it. */
interface Part {
  readonly before: string
  readonly after: string
  /** Null for a literal, `before`; `_` for a name of no interest. */
  readonly kind: KindName | '_' | null
}

export interface Route {
  readonly method: string
  readonly pattern: readonly Part[]
  /** Under the provider, e.g. `workspaces/experiments/runs/read`. */
  readonly action: string
  /** What the route is about: named by a placeholder, or the collection of them. */
  readonly kind: KindName
  readonly tells: Tells | null
  readonly secrets: boolean
  readonly bytes: boolean
}

/** The route that a path matches, and the names in it. */
export interface RouteMatch {
  readonly route: Route
  readonly names: readonly (readonly [KindName, string])[]
}

export interface Family {
  readonly name: string
  /** The route of a method and the decoded segments after the workspace; null if there is none. */
  find(method: string, segments: readonly string[]): RouteMatch | null
  /** Whether any method has a route there. */
  has(segments: readonly string[]): boolean
  readonly routes: readonly Route[]
}

const LINE =
  /^(GET|PUT|POST|PATCH|DELETE) +(\S+) +(\S+) +(\w+)(?: +(\[\w+\]|\{\w*\}))?( +secrets| +bytes)?$/

/** A family from its table. A fault in a table is a mistake in this repository and thrown when it is loaded. */
export function createFamily(name: string, table: string): Family {
  const routes = table
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => parseLine(name, line))
  const byShape = new Map<string, Route[]>()
  for (const route of routes) {
    const shape = `${route.method} ${route.pattern.length}`
    byShape.set(shape, [...(byShape.get(shape) ?? []), route])
  }

  function find(method: string, segments: readonly string[]): RouteMatch | null {
    const asked = method === 'HEAD' ? 'GET' : method
    for (const route of byShape.get(`${asked} ${segments.length}`) ?? []) {
      const names = match(route.pattern, segments)
      if (names !== null) return { route, names }
    }
    return null
  }

  function has(segments: readonly string[]): boolean {
    return routes.some(
      ({ pattern }) => pattern.length === segments.length && match(pattern, segments) !== null,
    )
  }

  return { name, find, has, routes }
}

function parseLine(name: string, line: string): Route {
  const [, method = '', route = '', action = '', kind = '', tells, last] = LINE.exec(line) ?? []
  if (method === '' || !isKind(kind)) throw new TypeError(`${name}: not a route: ${line}`)
  return {
    method,
    pattern: route.split('/').map(parsePart),
    action: action.startsWith('registries/') ? action : `workspaces/${action}`,
    kind,
    tells: tells === undefined ? null : { list: tells.startsWith('['), member: tells.slice(1, -1) },
    secrets: last?.trim() === 'secrets',
    bytes: last?.trim() === 'bytes',
  }
}

function parsePart(text: string): Part {
  const [, before = '', kind, after = ''] = /^([^{]*)\{(\w+)\}(.*)$/.exec(text.toLowerCase()) ?? []
  if (kind === undefined) return { before: text.toLowerCase(), after: '', kind: null }
  const name = /\{(\w+)\}/.exec(text)?.[1] ?? ''
  if (name !== '_' && !isKind(name)) throw new TypeError(`not a kind: ${text}`)
  return { before, after, kind: name }
}

function match(
  pattern: readonly Part[],
  segments: readonly string[],
): (readonly [KindName, string])[] | null {
  const names: (readonly [KindName, string])[] = []
  for (const [at, { before, after, kind }] of pattern.entries()) {
    const segment = segments[at] ?? ''
    const lower = segment.toLowerCase()
    if (kind === null) {
      if (lower !== before) return null
      continue
    }
    const value = segment.slice(before.length, segment.length - after.length)
    if (value === '' || !lower.startsWith(before) || !lower.endsWith(after)) return null
    if (kind !== '_') names.push([kind, value])
  }
  return names
}
