/**
 * CPU and time of processes that end by themselves, as bash's `times` has them: of all threads, from exec to exit.
 */
import { spawnSync } from 'node:child_process'

export interface Cost {
  /** User and system time, in milliseconds. */
  readonly cpuMs: number
  readonly wallMs: number
}

const SCRIPT = '"$@" >/dev/null; status=$?; times; exit $status'
/** Without what somebody has in ~/.bashrc, which bash reads where its input is a socket. */
const SHELL = ['--norc', '-c', SCRIPT, 'bash']
/** The second line is of the children: `0m0.021s 0m0.004s`. */
const TIMES = /\n(\d+)m([\d.]+)s (\d+)m([\d.]+)s/

/** Runs a program to its end. @throws if it ends with another status */
export function costOf(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  expected: number,
): Cost {
  const began = performance.now()
  const { status, stdout, stderr, error } = spawnSync('bash', [...SHELL, program, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, LC_ALL: 'C' },
  })
  const wallMs = performance.now() - began
  if (error !== undefined) throw error
  const [, ...parts] = TIMES.exec(stdout) ?? []
  const [minutes = NaN, seconds = NaN, systemMinutes = NaN, systemSeconds = NaN] = parts.map(Number)
  if (status !== expected)
    throw new Error(`"${args.join(' ')}" ended with status ${status}: ${stderr}`)
  return { cpuMs: ((minutes + systemMinutes) * 60 + seconds + systemSeconds) * 1000, wallMs }
}
