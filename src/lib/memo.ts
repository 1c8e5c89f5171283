/**
 * What follows from objects alone, worked out once for each of them and kept with them.
 * @module
 */

/**
 * The function with its answers kept. They must follow from the object's members, which must not change. The object that
 * was asked for last is kept, too: often it is the one that is asked for next.
 */
export function memoOf<A extends object, T>(make: (a: A) => T): (a: A) => T {
  const known = new WeakMap<A, { readonly made: T }>()
  let last: A | null = null
  let lastKept: { readonly made: T } | null = null
  return (a) => {
    if (a === last && lastKept !== null) return lastKept.made
    let kept = known.get(a)
    if (kept === undefined) known.set(a, (kept = { made: make(a) }))
    last = a
    lastKept = kept
    return kept.made
  }
}

/** Pairs kept before all of them are forgotten: many objects of each kind make very many pairs. */
const MAX_PAIRS = 50_000

/**
 * The same of two objects.
 * @param seenOf what the answers follow from in the place of the first, which it is itself if this is absent
 */
export function memoOfPairs<A extends object, B extends object, T>(
  make: (a: A, b: B) => T,
  seenOf: (a: A) => object = itself,
): (a: A, b: B) => T {
  let known = new WeakMap<object, WeakMap<B, { readonly made: T }>>()
  let pairs = 0
  return (a, b) => {
    const seen = seenOf(a)
    const ofA = known.get(seen)
    const kept = ofA?.get(b)
    if (kept !== undefined) return kept.made
    const made = make(a, b)
    pairs += 1
    if (pairs > MAX_PAIRS) {
      known = new WeakMap()
      pairs = 1
    }
    const own = known.get(seen) ?? new WeakMap<B, { readonly made: T }>()
    known.set(seen, own.set(b, { made }))
    return made
  }
}

const itself = (a: object): object => a

/** The function of a text with its last answer kept, for texts that are mostly the same from one call to the next. */
export function memoOfLast<T>(make: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly made: T } | null = null
  return (text) => {
    if (last?.text !== text) last = { text, made: make(text) }
    return last.made
  }
}
