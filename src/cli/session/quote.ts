/**
 * Variables as text for a shell, a notebook or a program.
 * @module
 */
import { shellText, type ShellKind } from '../../lib/shell-text.ts'
import { Problem } from '../problem.ts'
import type { Variables } from './variables.ts'

/** Whom the text is for. */
export type Shell = ShellKind | 'json'

/** @throws Problem for a value with control characters: none has any reason to */
export function quote(variables: Variables, shell: Shell): string {
  const entries = [...variables]
  for (const [name, value] of entries) {
    if (value !== null && /\p{Cc}/u.test(value))
      throw new Problem(`the value of ${name} has control characters`, 'sign in again')
  }
  if (shell === 'json') return JSON.stringify(Object.fromEntries(entries), null, 2)
  return shellText(variables, shell)
}
