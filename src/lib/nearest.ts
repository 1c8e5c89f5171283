/**
 * The nearest known word, for refusals that can say what was probably meant.
 * @module
 */

const MAX_WORD = 64

/** The candidate fewest edits away, without case; null if none is within a third of the word's length. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  if (word.length > MAX_WORD) return null
  let best: string | null = null
  let bound = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bound) {
      best = candidate
      bound = distance
    }
  }
  return best
}

/** Levenshtein distance, one row at a time. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1
      const substituted = (row[j - 1] ?? 0) + same
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
