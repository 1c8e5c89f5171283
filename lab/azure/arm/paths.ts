/**
 * ARM's grammar of ids: what a path names, whatever the resource type.
 * @module
 */

export const PROVIDER = 'Microsoft.MachineLearningServices'

/** Asset names are case-sensitive; all else in a resource id is not. */
const CASE_SENSITIVE = new Set([
  'models',
  'data',
  'environments',
  'components',
  'codes',
  'featuresets',
  'featurestoreentities',
  'versions',
])

export interface ArmPath {
  readonly subscription: string | null
  readonly resourceGroup: string | null
  /** Namespace after the last `/providers/`; null for subscriptions and resource groups themselves. */
  readonly namespace: string | null
  /** `workspaces/onlineendpoints/deployments`, in lower case. */
  readonly type: string
  /** Types and names in turn, as given. */
  readonly pairs: readonly (readonly [type: string, name: string])[]
  /** The segment left over: a collection's type if read, an action if posted to. */
  readonly rest: string | null
  /** Key of the resource that all but `rest` names. */
  readonly key: string
  /** As given by the caller, all but `rest`. */
  readonly id: string
}

/** Types and names alternate after the namespace: a name is told from a type by its position. */
function keyOf(segments: readonly string[], tail: number): string {
  return segments
    .map((segment, i) => {
      const isName = i >= tail && (i - tail) % 2 === 1
      const type = segments[i - 1]?.toLowerCase() ?? ''
      return isName && CASE_SENSITIVE.has(type) ? segment : segment.toLowerCase()
    })
    .join('/')
}

/** Null if the path is not in ARM's grammar or is not percent-encoded properly. */
export function parseArmPath(path: string): ArmPath | null {
  let segments: string[]
  try {
    segments = path.split('/').slice(1).map(decodeURIComponent)
  } catch {
    return null
  }
  if (segments.some((segment) => segment === '')) return null
  const lower = segments.map((segment) => segment.toLowerCase())
  const provider = lower.lastIndexOf('providers')
  const scope = provider === -1 ? segments : segments.slice(0, provider)
  const namespace = provider === -1 ? null : (segments[provider + 1] ?? null)
  const tail = provider === -1 ? [] : segments.slice(provider + 2)
  const rest = tail.length % 2 === 1 ? (tail.at(-1) ?? null) : null
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < tail.length; i += 2) pairs.push([tail[i] ?? '', tail[i + 1] ?? ''])
  const named = rest === null ? segments : segments.slice(0, -1)
  return {
    subscription: lower[0] === 'subscriptions' ? (scope[1] ?? null) : null,
    resourceGroup: lower[2] === 'resourcegroups' ? (scope[3] ?? null) : null,
    namespace,
    type: pairs.map(([type]) => type.toLowerCase()).join('/'),
    pairs,
    rest,
    key: `/${keyOf(named, provider === -1 ? named.length : provider + 2)}`,
    id: `/${named.join('/')}`,
  }
}
