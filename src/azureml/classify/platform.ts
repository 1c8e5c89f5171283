/**
 * Paths of ARM outside Microsoft.MachineLearningServices: a few reads that clients need to find their workspace, the
 * extension resources that the provider publishes actions for, and deployments, which are refused by name.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { ArmPath } from './arm-path.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import type { Operation, Resource } from '../../vocabulary/operation.ts'

/** A template or script deployment carries calls in its body that ARM makes itself: no policy would judge them. */
const TUNNELS: ReadonlySet<string> = new Set([
  'deployments',
  'deploymentscripts',
  'deploymentstacks',
])

/** The extension resources that are served: those of Azure Monitor that the provider publishes actions for. */
const EXTENSIONS: ReadonlyMap<string, { path: string; cedar: string; writable: boolean }> = new Map(
  [
    [
      'microsoft.insights/diagnosticsettings',
      { path: 'Microsoft.Insights/diagnosticSettings', cedar: 'DiagnosticSetting', writable: true },
    ],
    [
      'microsoft.insights/metricdefinitions',
      { path: 'Microsoft.Insights/metricDefinitions', cedar: 'MetricDefinition', writable: false },
    ],
    [
      'microsoft.insights/logdefinitions',
      { path: 'Microsoft.Insights/logDefinitions', cedar: 'LogDefinition', writable: false },
    ],
  ],
)

/**
 * Classifies an ARM path outside the provider: reads of subscriptions, resource groups and the provider itself.
 *
 * @param links subscription and resource group of the path, nearest first
 * @throws {Refusal} `tunnel_refused`, `unknown_operation` or `method_not_allowed`
 */
export function classifyPlatform(
  method: string,
  segments: readonly string[],
  links: Resource['ancestors'],
): Operation {
  const words = segments.map((segment) => segment.toLowerCase())
  refuseTunnels(words)
  const found = platformRead(words, links)
  if (found === null) {
    const namespace = words.lastIndexOf('providers')
    const name = namespace === -1 ? '' : (segments[namespace + 1] ?? '').slice(0, 64)
    throw new Refusal(
      'unknown_operation',
      name === '' ? 'this path is not served' : `the resource provider "${name}" is not served`,
    )
  }
  if (method !== 'GET' && method !== 'HEAD') {
    throw new Refusal('method_not_allowed', `${method} is not served at this path`)
  }
  return { ...READ, action: `Microsoft.Resources/${found.action}`, resource: found.resource }
}

const READ = {
  effect: 'read',
  family: 'arm',
  secrets: false,
  longRunning: false,
  scope: null,
  inspectable: false,
} as const

function platformRead(
  words: readonly string[],
  links: Resource['ancestors'],
): { action: string; resource: Resource } | null {
  const [nearest, ...above] = links
  const id = `/${words.join('/')}`
  const shape = words.map((word, at) => (at % 2 === 0 ? word : '*')).join('/')
  switch (shape) {
    case 'subscriptions':
      return { action: 'subscriptions/read', resource: { type: 'Subscription', id, ancestors: [] } }
    case 'subscriptions/*':
      if (nearest === undefined) return null
      return { action: 'subscriptions/read', resource: { ...nearest, ancestors: above } }
    case 'subscriptions/*/resourcegroups':
      return {
        action: 'subscriptions/resourceGroups/read',
        resource: { type: 'ResourceGroup', id, ancestors: links },
      }
    case 'subscriptions/*/resourcegroups/*':
      if (nearest === undefined) return null
      return {
        action: 'subscriptions/resourceGroups/read',
        resource: { ...nearest, ancestors: above },
      }
    case 'subscriptions/*/providers/*':
      if (words[3] !== PROVIDER.toLowerCase()) return null
      return {
        action: 'subscriptions/providers/read',
        resource: { type: 'Provider', id, ancestors: links },
      }
    default:
      return null
  }
}

/**
 * Classifies an extension resource of a workspace or registry.
 *
 * @param rest what follows the nested `providers`: namespace, type and perhaps a name
 * @throws {Refusal} `tunnel_refused`, `unknown_operation` or `method_not_allowed`
 */
export function classifyExtension(
  method: string,
  parent: ArmPath,
  rest: readonly string[],
): Operation {
  const [namespace = '', kind = '', name, ...more] = rest
  refuseTunnels(rest.map((word) => word.toLowerCase()))
  const row = EXTENSIONS.get(`${namespace}/${kind}`.toLowerCase())
  if (
    row === undefined ||
    more.length > 0 ||
    parent.type.path !== 'workspaces' ||
    parent.at !== 'instance'
  ) {
    throw new Refusal(
      'unknown_operation',
      `"${`${namespace}/${kind}`.slice(0, 64)}" is not served here`,
    )
  }
  const read = method === 'GET' || method === 'HEAD'
  const write = row.writable && name !== undefined && (method === 'PUT' || method === 'DELETE')
  if (!read && !write) {
    throw new Refusal('method_not_allowed', `${method} has no meaning at this path`)
  }
  const { resource, scope } = parent
  return {
    ...READ,
    // the provider publishes no delete of its own: removing a diagnostic setting is a write
    action: `${PROVIDER}/workspaces/providers/${row.path}/${read ? 'read' : 'write'}`,
    effect: read ? 'read' : 'write',
    resource: {
      type: row.cedar,
      id: [resource.id, 'providers', ...rest].join('/').toLowerCase(),
      ancestors: [{ type: resource.type, id: resource.id }, ...resource.ancestors],
    },
    scope,
  }
}

function refuseTunnels(words: readonly string[]): void {
  const found = words.some(
    (word, at) => word === 'microsoft.resources' && TUNNELS.has(words[at + 1] ?? ''),
  )
  if (found) {
    throw new Refusal(
      'tunnel_refused',
      'a deployment makes calls of its own that policy would not see',
      {
        remedy:
          'make the calls of the template one by one; to make a workspace, PUT the workspace itself',
      },
    )
  }
}
