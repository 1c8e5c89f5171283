/**
 * `completion`: a script with which a shell completes commands, options and their values.
 *
 * The script has all words in it, so that completing starts no process. Where it knows none, the shell completes names
 * of files.
 * @module
 */
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { SHELLS } from './command.ts'

type CompletionShell = (typeof SHELLS)[number]

/** Words by the place at which they may stand: `policy/check`, or `policy/check/--output` for the values of an option. */
type Words = ReadonlyMap<string, readonly string[]>

interface Tables {
  /** Groups and commands. */
  readonly places: readonly string[]
  /** What may come at a place: commands and options. */
  readonly next: Words
  /** Values of options; none where any text will do. */
  readonly values: Words
  /** What may come at a place that begins with no hyphen: commands of a group, values of an argument. */
  readonly given: Words
}

/** The script for one shell. @param program the tree of all commands */
export function completionScript(program: CommandUnknownOpts, shell: CompletionShell): string {
  return SCRIPTS[shell](tablesOf(program))
}

function tablesOf(program: CommandUnknownOpts): Tables {
  const next = new Map<string, readonly string[]>()
  const values = new Map<string, readonly string[]>()
  const given = new Map<string, readonly string[]>()
  const visit = (at: CommandUnknownOpts, path: string): void => {
    const options = at.options.filter(({ hidden }) => !hidden)
    const below = at.commands.map((one) => one.name())
    const names = options.flatMap(({ long }) => long ?? [])
    next.set(path, [...below, ...names, '--help'])
    for (const { long, short, required, argChoices } of options)
      if (required)
        for (const name of [long, short])
          if (name !== undefined) values.set(`${path}/${name}`, argChoices ?? [])
    const [argument] = at.registeredArguments
    if (below.length > 0) given.set(path, below)
    else if (argument !== undefined) given.set(path, argument.argChoices ?? [])
    for (const one of at.commands) visit(one, path === '' ? one.name() : `${path}/${one.name()}`)
  }
  visit(program, '')
  return { places: [...next.keys()].filter((path) => path !== ''), next, values, given }
}

/** Places with the same words, together: `[places, words]`. */
function grouped(words: Words): readonly (readonly [places: readonly string[], words: string])[] {
  return [...Map.groupBy(words, ([, list]) => list.join(' '))].map(([list, entries]) => [
    entries.map(([place]) => place),
    list,
  ])
}

/** Branches of a `case`, of bash and of zsh. */
const branches = (words: Words, variable: string): string =>
  grouped(words)
    .map(([places, list]) => `    ${places.map(quoted).join(' | ')}) ${variable}='${list}' ;;`)
    .join('\n')

// names of commands, options and choices have no quotes
const quoted = (word: string): string => `'${word}'`

/** Where the words before the cursor lead, of bash and of zsh. @param first index of the first word after the program */
const walk = (places: readonly string[], words: string, last: string, first: number): string => `
  for ((i = ${first}; i < ${last}; i++)); do
    case "\${${words}[i]}" in --) at=--; break ;; esac
    case "\${at:+$at/}\${${words}[i]}" in
      ${places.join(' | ')}) at="\${at:+$at/}\${${words}[i]}" ;;
    esac
  done`

const SCRIPTS: Readonly<Record<CompletionShell, (tables: Tables) => string>> = {
  bash: ({ places, next, values, given }) => `# bash completion of azureml-harness
_azureml_harness() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at='' words=none i
  # bash takes the = of --option=value for a word
  if [[ $cur == '=' ]]; then cur=''
  elif [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()${walk(places, 'COMP_WORDS', 'COMP_CWORD', 1)}
  case "$at/$prev" in
${branches(values, 'words')}
  esac
  if [[ $words == none && $cur != -* ]]; then
    case "$at" in
${branches(given, 'words')}
    esac
  fi
  if [[ $words == none ]]; then
    case "$at" in
${branches(next, 'words')}
      *) words='' ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _azureml_harness azureml-harness`,

  zsh: ({ places, next, values, given }) => `#compdef azureml-harness
_azureml_harness() {
  local prev=\${words[CURRENT-1]} at='' found=none i
  if [[ \${words[CURRENT]} == --*=* ]]; then
    prev=\${words[CURRENT]%%=*}
    compset -P '*='
  fi${walk(places, 'words', 'CURRENT', 2)}
  case "$at/$prev" in
${branches(values, 'found')}
  esac
  if [[ $found == none && \${words[CURRENT]} != -* ]]; then
    case "$at" in
${branches(given, 'found')}
    esac
  fi
  if [[ $found == none ]]; then
    case "$at" in
${branches(next, 'found')}
      *) found='' ;;
    esac
  fi
  if [[ -z $found ]]; then _files; else compadd -- \${(s: :)found}; fi
}
compdef _azureml_harness azureml-harness`,

  powershell: ({ next, values, given }) => `# PowerShell completion of azureml-harness
Register-ArgumentCompleter -Native -CommandName azureml-harness -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $next = @{
${entries(next)}
  }
  $values = @{
${entries(values)}
  }
  $given = @{
${entries(given)}
  }
  $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
    Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  $at = ''
  foreach ($word in $before) {
    if ($word -eq '--') { return }
    $deeper = if ($at -eq '') { $word } else { "$at/$word" }
    if ($next.ContainsKey($deeper)) { $at = $deeper }
  }
  $last = if ($before.Count -gt 0) { $before[-1] } else { '' }
  $words = if ($values.ContainsKey("$at/$last")) { $values["$at/$last"] }
    elseif (-not $wordToComplete.StartsWith('-') -and $given.ContainsKey($at)) { $given[$at] }
    else { $next[$at] }
  $words -split ' ' | Where-Object { $_ -ne '' -and $_.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}`,
}

const entries = (words: Words): string =>
  [...words].map(([place, list]) => `    '${place}' = '${list.join(' ')}'`).join('\n')
