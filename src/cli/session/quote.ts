/**
 * Variables as text for a shell, a notebook or a program, so that no value can become a command.
 * @module
 */
import { Problem } from '../problem.ts'
import type { Variables } from './variables.ts'

/** Whom the text is for. */
export type Shell = 'sh' | 'powershell' | 'notebook' | 'json'

/** @throws Problem for a value with control characters: none has any reason to */
export function quote(variables: Variables, shell: Shell): string {
  const entries = [...variables]
  for (const [name, value] of entries) {
    if (value !== null && /\p{Cc}/u.test(value))
      throw new Problem(`the value of ${name} has control characters`, 'sign in again')
  }
  if (shell === 'json') return JSON.stringify(Object.fromEntries(entries), null, 2)
  if (shell === 'notebook') return notebook(entries)
  const line = shell === 'sh' ? shLine : powershellLine
  return entries.map(([name, value]) => line(name, value)).join('\n')
}

type Entry = readonly [name: string, value: string | null]

/** POSIX: nothing is special between single quotes but the single quote. */
function shLine(name: string, value: string | null): string {
  return value === null ? `unset ${name}` : `export ${name}='${value.replaceAll("'", `'\\''`)}'`
}

/** PowerShell takes the typographic single quotes for single quotes, too; a doubled one stands for itself. */
function powershellLine(name: string, value: string | null): string {
  return value === null
    ? `Remove-Item Env:${name} -ErrorAction SilentlyContinue`
    : `$Env:${name} = '${value.replaceAll(/['\u2018\u2019\u201A\u201B]/gu, '$&$&')}'`
}

/** A cell for a Python notebook: JSON's strings are Python's, once in ASCII. */
function notebook(entries: readonly Entry[]): string {
  return [
    'import os',
    ...entries.map(([name, value]) =>
      value === null
        ? `os.environ.pop(${literal(name)}, None)`
        : `os.environ[${literal(name)}] = ${literal(value)}`,
    ),
  ].join('\n')
}

/** Python takes no surrogate pairs: a character outside of the first plane is written as one. */
function literal(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u{7F}-\u{10FFFF}]/gu, (one) => {
    const code = (one.codePointAt(0) ?? 0).toString(16)
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`
  })
}
