/**
 * What is wrong with a policy, template or binding, and where: all of it at once.
 * @module
 */

/** One fault of one file. */
export interface Fault {
  /** Relative to the policies' directory, or as given for the bindings. */
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** Lower case, no full stop, names the offending thing. */
  readonly message: string
  /** What was probably meant. */
  readonly suggestion?: string
}

/** `file:line: message; suggestion`. */
export function faultText({ file, line, message, suggestion }: Fault): string {
  return `${file}:${line}: ${message}${suggestion === undefined ? '' : `; ${suggestion}`}`
}

/** The policies cannot be used. Thrown by `loadPolicy` only, never while a request is judged. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(`${faults.length} fault(s) in the policies\n${faults.map(faultText).join('\n')}`)
    this.faults = faults
  }
}

/** How many letters are changed, left out, put in or swapped with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(change, swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}

/** `did you mean "x"`, if one of the known words is near enough; else the known words, if they are few. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  const words = [...known].sort()
  const near = words
    .map((candidate) => ({ candidate, far: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, far }) => far <= Math.max(2, candidate.length / 3))
    .sort((one, other) => one.far - other.far)[0]
  if (near !== undefined) return `did you mean "${near.candidate}"?`
  return words.length > 0 && words.length <= 12 ? `known: ${words.join(', ')}` : undefined
}

/** `fault` with a suggestion only if there is one. */
export function fault(file: string, line: number, message: string, suggestion?: string): Fault {
  return suggestion === undefined ? { file, line, message } : { file, line, message, suggestion }
}
