/**
 * What is wrong with a policy, template or binding, and where: all of it at once.
 * @module
 */
import { nearest } from '../../lib/suggest.ts'

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

/** The policies cannot be used. Thrown when policies, bindings or cases are loaded, never while a request is judged. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(`${faults.length} fault(s) in the policies\n${faults.map(faultText).join('\n')}`)
    this.faults = faults
  }
}

/** `did you mean "x"`, if one of the known words is near enough; else the known words, if they are few. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  const words = [...known].sort()
  const near = nearest(word, words)
  if (near !== null) return `did you mean "${near}"?`
  return words.length > 0 && words.length <= 12 ? `known: ${words.join(', ')}` : undefined
}

/** `fault` with a suggestion only if there is one. */
export function fault(file: string, line: number, message: string, suggestion?: string): Fault {
  return suggestion === undefined ? { file, line, message } : { file, line, message, suggestion }
}
