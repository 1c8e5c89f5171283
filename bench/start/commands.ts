/**
 * Which commands are started: the help of all, and a real run of each that needs no gateway.
 */
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { workspaceId } from '../../lab/personas.ts'
import { commandsIn, programOf } from '../../src/cli/cli.ts'
import type { Io } from '../../src/cli/io.ts'
import { IDENTITY_NAMES, type Left } from './left.ts'

/** One start. */
export interface Run {
  /** Without the paths and ids of its arguments. */
  readonly name: string
  readonly args: readonly string[]
  /** With which it ends. */
  readonly status: number
}

const SILENT: Io = {
  out: () => {},
  drained: async () => {},
  err: () => {},
  style: (_format, text) => text,
  columns: null,
  env: {},
  cwd: '/',
  now: Date.now,
  signal: new AbortController().signal,
}

/** `--version`, and `--help` of each command and group. */
export function helpRuns(): Run[] {
  const program = programOf({ io: SILENT, args: [], status: 0 })
  const groups = program.commands.filter((one: CommandUnknownOpts) => one.commands.length > 0)
  const names = [...groups.map((one) => one.name()), ...commandsIn(program).keys()].toSorted()
  return ['--version', '--help', ...names.map((name) => `${name} --help`)].map((name) => run(name))
}

const run = (name: string, args: readonly string[] = [], status = 0): Run => ({
  name,
  args: [...name.split(' '), ...args],
  status,
})

/** Commands that get as far as to do their work, of which there is little. */
export function littleRuns({ config, spool, policies, other, small, decision }: Left): Run[] {
  const using = ['--config', config]
  const identities = IDENTITY_NAMES.flatMap((name) => ['--identity', name])
  const on = ['--on', workspaceId()]
  return [
    run('config check', [config]),
    run('config schema'),
    run('policy check', using),
    run('policy test', ['--policies', small, ...identities]),
    run('policy matrix', using),
    run('policy schema'),
    // what is changed is its status 2
    run('policy plan', [other, small, ...identities], 2),
    run('policy diff', [policies, policies, '--replay', spool, ...using]),
    run('policy propose', [...using, '--decision', decision]),
    run('policy export', [...using, '--azure-role']),
    run('policy log', using),
    run('explain', [...using, '--decision', decision]),
    run('can', ['workspaces/jobs/read', ...on, '--who', 'Group::scientists', ...using]),
    run('who-can', ['workspaces/jobs/read', ...on, ...using]),
    run('audit cat', [spool]),
    run('audit verify', [spool]),
    run('token'),
    run('env', ['--workspace', workspaceId()]),
    run('logout', ['--gateway', 'https://nobody.example']),
    run('completion', ['bash']),
  ]
}

/** Commands whose work is more than their start. */
export function workRuns({ config, policies, other }: Left): Run[] {
  const using = ['--config', config]
  return [run('policy test', using), run('policy plan', [policies, other, ...using], 2)]
}
