/**
 * The known word that was probably meant, for messages that say so.
 * @module
 */

/** The known word with the fewest slips, case aside, if it is near enough to be a typing error; else null. */
export function nearest(word: string, known: Iterable<string>): string | null {
  let best: string | null = null
  let fewest = Infinity
  for (const candidate of known) {
    const bound = Math.max(2, Math.floor(candidate.length / 3))
    // also keeps the comparison short: a long word is compared with long candidates only
    if (Math.abs(word.length - candidate.length) > bound) continue
    const slips = distance(word.toLowerCase(), candidate.toLowerCase())
    if (slips <= bound && slips < fewest) {
      best = candidate
      fewest = slips
    }
  }
  return best
}

/** `; did you mean "x"?` to end a message with, or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const best = nearest(word, known)
  return best === null ? '' : `; did you mean ${JSON.stringify(best)}?`
}

/** Two neighbours swapped are likelier than two letters changed, less likely than one left out. */
const SWAP = 1.5

/** Levenshtein's distance with swaps (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + SWAP : Infinity
      row.push(Math.min(change, swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
