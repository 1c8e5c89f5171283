/**
 * A closed loop: so many connections, each sending its next call when it has its answer. By wrk, a process of its own that
 * costs little, or by autocannon where there is none.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { isInstalled } from '../peers/peer.ts'

/** Milliseconds of a call; calls that got no answer, or not one of 200 to 399. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly failed: number
  /** What of them were of which kind. */
  readonly why: string
  readonly p50: number
  readonly p99: number
}

export interface Load {
  readonly url: string
  /** As bench/load/calls.ts writes it. */
  readonly file: string
  readonly connections: number
  readonly seconds: number
  /** Of which call it begins; the first if absent. */
  readonly from?: number
}

/** A call that takes longer has failed. */
export const TIMEOUT_SECONDS = 60

const here = (name: string): string => join(import.meta.dirname, name)

let found: 'wrk' | 'autocannon' | undefined

/** Which of the two makes the load here. */
export function loadGenerator(): 'wrk' | 'autocannon' {
  // wrk has no argument that succeeds without a load: what says its version ends with 1
  found ??= isInstalled('sh', ['-c', 'command -v wrk']) ? 'wrk' : 'autocannon'
  return found
}

/** @throws if it gave no result, or if a call failed */
export async function closedLoop({
  url,
  file,
  connections,
  seconds,
  from = 0,
}: Load): Promise<LoadResult> {
  const duration = String(Math.max(1, Math.ceil(seconds)))
  const [program, args] =
    loadGenerator() === 'wrk'
      ? [
          'wrk',
          [
            '-t1',
            `-c${connections}`,
            `-d${duration}s`,
            `--timeout=${TIMEOUT_SECONDS}s`,
            '-s',
            here('wrk.lua'),
            url,
            file,
            String(from),
          ],
        ]
      : [
          process.execPath,
          [here('autocannon.ts'), url, file, String(connections), duration, String(from)],
        ]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
  const line = output.split('\n').find((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`${program} gave no result: ${output.slice(0, 500)}`)
  const result = JSON.parse(line) as LoadResult
  if (result.failed > 0)
    throw new Error(`${result.failed} of ${result.requests} calls failed: ${result.why}`)
  return result
}
