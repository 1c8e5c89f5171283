/**
 * Targets and operations by their request line: both follow from its bytes alone, and clients ask for the same again.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { createCache } from '../lib/caches/cache.ts'
import { memoOf } from '../lib/memo.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { classify } from './classify.ts'
import { parseTarget, type Target } from './target.ts'

/** Characters of the request lines that are kept; what is made of one takes about ten times as many bytes. */
const MAX_CHARACTERS = 2_000_000
/** For a short one: its parts take memory all the same. */
const LEAST = 200

/** The request line; of a GET, what most calls are, the target alone, for which no text has to be put together. */
const keyOf = (method: string, raw: string): string => (method === 'GET' ? raw : `${method} ${raw}`)

export interface Remembered {
  readonly parseTarget: typeof parseTarget
  /** Asked for callers who are identified: nobody else fills the memory. */
  readonly classify: typeof classify
}

export function createRemembered(): Remembered {
  const targets = new LRUCache<string, Target>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_target, line) => Math.max(line.length, LEAST),
  })
  const sharing = createSharing()
  const operationOf = memoOf<Target, Operation>((target) => {
    const operation = sharing(classify(target))
    const { method, path, query } = target
    targets.set(keyOf(method, query === '' ? path : `${path}?${query}`), target)
    return operation
  })
  return {
    parseTarget: (method, raw) => targets.get(keyOf(method, raw)) ?? parseTarget(method, raw),
    classify: operationOf,
  }
}

type Above = Operation['resource']['ancestors']

/** Actions, and places that resources are in. */
const MAX_SHARED = 1_000

/** Gives operations that are kept one copy of what many of them have: their action, and what their resource is in. */
function createSharing(): (operation: Operation) => Operation {
  const actions = createCache<string, string>(MAX_SHARED)
  const places = createCache<string, Above>(MAX_SHARED)

  function sharedAction(action: string): string {
    const known = actions.get(action)
    if (known === undefined) actions.set(action, action)
    return known ?? action
  }
  function sharedPlace(above: Above): Above {
    const [nearest] = above
    if (nearest === undefined) return above
    const known = places.get(nearest.id)
    if (known !== undefined && isSame(known, above)) return known
    places.set(nearest.id, above)
    return above
  }
  return (operation) => {
    const { resource, scope } = operation
    const ancestors = sharedPlace(resource.ancestors)
    return {
      ...operation,
      action: sharedAction(operation.action),
      resource: { ...resource, ancestors },
      scope: ancestors.find(({ id }) => id === scope)?.id ?? scope,
    }
  }
}

const isSame = (one: Above, other: Above): boolean =>
  one.length === other.length &&
  one.every(({ type, id }, at) => type === other[at]?.type && id === other[at]?.id)
