/**
 * Variables as text for a shell or a notebook, so that no value can become a command.
 * @module
 */

/** Whom the text is for. */
export type ShellKind = 'sh' | 'powershell' | 'notebook'

/** @param variables by name; null: to be removed. No value has control characters */
export function shellText(variables: ReadonlyMap<string, string | null>, kind: ShellKind): string {
  const entries = [...variables]
  if (kind === 'notebook') return notebook(entries)
  const line = kind === 'sh' ? shLine : powershellLine
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
