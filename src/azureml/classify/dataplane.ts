/**
 * A data-plane call becomes an operation. Its path is a family, a version, the ARM id of the workspace and one of the
 * family's routes; any other path is refused, because the data plane has no grammar that would tell its meaning.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { parseProviderPath, parseScope } from './arm-path.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { checkApiVersion, classifyArm } from './arm.ts'
import { FAMILY_NAMES, mountsOf } from '../dataplane/families.ts'
import type { Mount } from '../dataplane/families.ts'
import type { RouteMatch } from '../dataplane/family.ts'
import { classifyGlobal, effectOf } from '../dataplane/global.ts'
import { isName, isRunId, toResource } from '../dataplane/kinds.ts'
import { partOfMlflow, SERVICES, type NotServed } from '../dataplane/not-served.ts'
import { nearest } from '../../lib/suggest.ts'
import type { Operation, Resource } from '../../vocabulary/operation.ts'

const VERSION = /^v?\d+\.\d+$/i
/** `subscriptions/{s}/resourceGroups/{g}/providers/{p}/workspaces/{w}` */
const WORKSPACE_SEGMENTS = 8

/**
 * Classifies a path that is neither ARM's nor the gateway's own.
 *
 * @throws {Refusal} `unknown_operation`, `method_not_allowed`, `missing_api_version` or `bad_query`
 */
export function classifyDataPlane(
  method: string,
  segments: readonly string[],
  params: ReadonlyMap<string, string>,
): Operation {
  const name = segments[0]?.toLowerCase() ?? ''
  if (name === 'mferp') return classifyFrontEnd(method, segments, params)
  const global = classifyGlobal(method, segments)
  if (global === 'method') throw notAllowed(method)
  if (global !== 'unknown') return global
  const mounts = mountsOf(name)
  if (mounts.length === 0) throw unknownFamily(name)

  let there = false
  for (const mount of mounts) {
    const place = enter(mount, segments)
    if (place === null) continue
    const part =
      mount.host === 'mlflow' && mount.after.length === 0 ? partOfMlflow(place.rest) : null
    if (part !== null) throw notServed(part.name, part.known)
    const found = mount.family.find(method, place.rest)
    if (found !== null) return toOperation(mount, found, place.workspace, params)
    there ||= mount.family.has(place.rest)
  }
  if (there) throw notAllowed(method)
  throw new Refusal('unknown_operation', `this path is not a known one of "${name}"`)
}

/** ARM's own paths under the management front end, which azure-ai-ml uses for registries and batch jobs. */
function classifyFrontEnd(
  method: string,
  segments: readonly string[],
  params: ReadonlyMap<string, string>,
): Operation {
  const inner = segments.slice(2)
  const { used } = parseScope(inner)
  const provider = inner[used + 1]?.toLowerCase()
  if (segments[1]?.toLowerCase() !== 'managementfrontend' || provider !== PROVIDER.toLowerCase()) {
    throw new Refusal('unknown_operation', 'this path is not a known one of "mferp"')
  }
  const operation = classifyArm(method, inner, 'dataplane')
  checkApiVersion(params)
  if (operation.scope === null) {
    throw new Refusal(
      'unknown_operation',
      'the front end is served for workspaces and registries only',
    )
  }
  return operation
}

/** The workspace of a path and the segments after the mount; null if the path is not under this mount. */
function enter(
  { before, versioned, after }: Mount,
  segments: readonly string[],
): { workspace: Resource['ancestors']; rest: readonly string[] } | null {
  let at = 1
  if (versioned) {
    if (!VERSION.test(segments[at] ?? '')) return null
    at += 1
  }
  if (!literal(before, segments, at)) return null
  at += before.length
  const arm = segments.slice(at, at + WORKSPACE_SEGMENTS)
  const workspace = parseWorkspace(arm)
  at += WORKSPACE_SEGMENTS
  if (workspace === null || !literal(after, segments, at)) return null
  return { workspace, rest: segments.slice(at + after.length) }
}

function literal(words: readonly string[], segments: readonly string[], at: number): boolean {
  return words.every((word, index) => {
    const segment = segments[at + index]?.toLowerCase() ?? ''
    return VERSION.test(word) ? VERSION.test(segment) : word === segment
  })
}

function parseWorkspace(arm: readonly string[]): Resource['ancestors'] | null {
  const { links, used } = parseScope(arm)
  if (arm.length !== WORKSPACE_SEGMENTS || used !== 4) return null
  const [keyword, provider, kind, name] = arm.slice(4).map((word) => word.toLowerCase())
  if (keyword !== 'providers' || provider !== PROVIDER.toLowerCase() || kind !== 'workspaces')
    return null
  const { resource } = parseProviderPath(links, [kind, name ?? ''])
  return [{ type: resource.type, id: resource.id }, ...resource.ancestors]
}

function toOperation(
  { host }: Mount,
  { route, names }: RouteMatch,
  workspace: Resource['ancestors'],
  params: ReadonlyMap<string, string>,
): Operation {
  // with `secrets=true` it answers with the password of the container registry
  const secretImage =
    route.kind === 'EnvironmentVersion' && (params.get('secrets') ?? 'false') !== 'false'
  const action = secretImage ? 'workspaces/environments/readSecrets/action' : route.action
  const last = route.pattern.at(-1)
  return {
    action: `${PROVIDER}/${action}`,
    effect: effectOf(action),
    resource: toResource(route.kind, named(host, route, names, params), workspace),
    family: host,
    secrets: route.secrets || secretImage,
    longRunning: false,
    scope: workspace[0]?.id ?? null,
    inspectable: false,
    ...(last?.kind === null ? { word: last.before } : {}),
    ...(route.tells === null ? {} : { tells: route.tells }),
    ...(route.bytes ? { bytes: true } : {}),
  }
}

/** GETs of MLflow's that are about what a parameter of their query names; all others ignore it, or tell of it. */
const NAMED_IN_QUERY: ReadonlyMap<string, 'Run' | 'ExperimentId'> = new Map([
  ['runs/get', 'Run'],
  ['runs/get-run-data-status', 'Run'],
  ['metrics/get-history', 'Run'],
  ['artifacts/list', 'Run'],
  ['scorers/list', 'ExperimentId'],
  ['scorers/get', 'ExperimentId'],
  ['scorers/versions', 'ExperimentId'],
])
/** `run_uuid` is what a run was called before; an experiment beside a list of them is not the only one. */
const PARAMETERS = {
  Run: ['run_id', 'run_uuid'],
  ExperimentId: ['experiment_id', 'experiment_ids'],
} as const

/** MLflow's GETs name their run or experiment in the query. */
function named(
  host: Mount['host'],
  { method, pattern }: RouteMatch['route'],
  names: RouteMatch['names'],
  params: ReadonlyMap<string, string>,
): RouteMatch['names'] {
  if (host !== 'mlflow' || method !== 'GET') return names
  const kind = NAMED_IN_QUERY.get(pattern.map(({ before }) => before).join('/'))
  if (kind === undefined) return names
  const ids = PARAMETERS[kind].flatMap((name) => params.get(name) ?? [])
  const [id] = ids
  if (id === undefined) return names
  const isOne = kind === 'Run' ? isRunId(id) : isName(id)
  if (!isOne || ids.some((other) => other !== id)) {
    const what = kind === 'Run' ? 'run' : 'experiment'
    throw new Refusal('bad_query', `the query names no ${what}, or two`)
  }
  return [[kind, id]]
}

function unknownFamily(name: string): Refusal {
  const known = SERVICES.get(name)
  if (known !== undefined) return notServed(`/${name}`, known)
  if (name === '') return new Refusal('unknown_operation', 'nothing is served at "/"')
  const guess = nearest(name, FAMILY_NAMES)
  return new Refusal(
    'unknown_operation',
    `"/${name.slice(0, 64)}" is not served`,
    guess === null ? {} : { remedy: `the nearest known one is "/${guess}"` },
  )
}

function notAllowed(method: string): Refusal {
  return new Refusal('method_not_allowed', `${method} has no meaning at this path`)
}

function notServed(name: string, { what, remedy }: NotServed): Refusal {
  return new Refusal('unknown_operation', `"${name}" is ${what}, which is not served`, { remedy })
}
