/**
 * The nearest of the words that would have been right, for messages that say "did you mean".
 * @module
 */

/** `; did you mean "x"?` for the nearest candidate, or nothing if none is near enough to be a slip of the pen. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  let best: string | null = null
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best === null ? '' : `; did you mean ${JSON.stringify(best)}?`
}

/** Levenshtein's distance by rows. Long words are not compared: they are no slip of the pen. */
function editDistance(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Infinity
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution))
    }
    row = next
  }
  return row[b.length] ?? Infinity
}
