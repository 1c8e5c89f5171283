/**
 * Data-plane paths without a workspace: discovery and assets of registries, and service discovery.
 *
 * The path does not say which workspace they are about, so their resources have no ancestors: a policy on a workspace,
 * a resource group or a subscription does not cover them, only one that names them or covers everything.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import type { Effect, Family, Operation } from '../../vocabulary/operation.ts'

interface GlobalRoute {
  readonly method: string
  /** In lower case; `*` is one segment and `**` any number of them. */
  readonly path: string
  readonly action: string
  readonly type: string
  readonly family: Family
  readonly secrets?: true
}

// prettier-ignore
const ROUTES: readonly GlobalRoute[] = [
  { method: 'GET', path: 'discovery/**', action: 'workspaces/read', type: 'Workspace', family: 'dataplane' },
  { method: 'GET', path: 'registrymanagement/*/registries/*/discovery', action: 'registries/read', type: 'Registry', family: 'registry' },
  { method: 'GET', path: 'registrymanagement/*/operations/*', action: 'registries/read', type: 'OperationStatus', family: 'registry' },
  { method: 'POST', path: 'assetstore/*/temporarydatareference/createorget', action: 'registries/assets/write', type: 'RegistryAsset', family: 'registry', secrets: true },
  { method: 'POST', path: 'assetstore/*/datareference/getblobreferencesas', action: 'registries/assets/read', type: 'RegistryAsset', family: 'registry', secrets: true },
  { method: 'DELETE', path: 'assetstore/*/delete', action: 'registries/assets/delete', type: 'RegistryAsset', family: 'registry' },
  { method: 'GET', path: 'assetstore/*/operations/*', action: 'registries/assets/read', type: 'RegistryAsset', family: 'registry' },
  { method: 'GET', path: 'modelregistry/*/registry/models', action: 'registries/assets/read', type: 'RegistryAsset', family: 'registry' },
]

const compiled = ROUTES.map((route) => ({
  ...route,
  pattern: new RegExp(`^${route.path.replace('/**', '(?:/.*)?').replaceAll('/*', '/[^/]+')}$`),
}))

/** The operation; `unknown` if the path is no route, `method` if it is one for another method. */
export function classifyGlobal(
  method: string,
  segments: readonly string[],
): Operation | 'unknown' | 'method' {
  const path = segments.join('/').toLowerCase()
  const there = compiled.filter(({ pattern }) => pattern.test(path))
  if (there.length === 0) return 'unknown'
  const asked = method === 'HEAD' ? 'GET' : method
  const route = there.find((candidate) => candidate.method === asked)
  if (route === undefined) return 'method'
  return {
    action: `${PROVIDER}/${route.action}`,
    effect: effectOf(route.action),
    resource: { type: route.type, id: `/${path}`, ancestors: [] },
    family: route.family,
    secrets: route.secrets === true,
    longRunning: false,
    scope: null,
    inspectable: false,
  }
}

/** What an action does, by the suffix that ARM gives its name. */
export function effectOf(action: string): Effect {
  if (action.endsWith('/read')) return 'read'
  if (action.endsWith('/write')) return 'write'
  return action.endsWith('/delete') ? 'delete' : 'invoke'
}
