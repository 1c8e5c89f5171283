/**
 * Targets and operations by their request line: both follow from its bytes alone, and clients ask for the same again.
 * @module
 */
import { LRUCache } from 'lru-cache'
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
  const operationOf = memoOf<Target, Operation>((target) => {
    const operation = classify(target)
    const { method, path, query } = target
    targets.set(keyOf(method, query === '' ? path : `${path}?${query}`), target)
    return operation
  })
  return {
    parseTarget: (method, raw) => targets.get(keyOf(method, raw)) ?? parseTarget(method, raw),
    classify: operationOf,
  }
}
