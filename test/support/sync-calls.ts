/**
 * Counts a gateway's synchronous calls about files, in its own process: `--import` of this file in `execArgv`.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { eventually } from './eventually.ts'
import type { Gateway } from '../../lab/gateway/gateway.ts'

const MARK = 'synchronous calls: '

/** Where the gateway made each of its synchronous calls since the last time that this was asked. */
export async function syncCallsOf(gateway: Gateway): Promise<readonly string[]> {
  const told = (): string[] =>
    gateway
      .logs()
      .split('\n')
      .filter((line) => line.startsWith(MARK))
  const before = told().length
  process.kill(gateway.pid, 'SIGUSR2')
  const line = await eventually('the gateway tells what it called', () => told()[before])
  return JSON.parse(line.slice(MARK.length)) as string[]
}

/** The name of a call, and the innermost line of the gateway's own that made it. */
function placeOf(name: string): string {
  const own = new Error('here').stack?.split('\n').find((frame) => frame.includes('/src/'))
  return `${name} ${own?.replace(/^.*\/src\//, 'src/') ?? 'elsewhere'}`
}

// this process is the gateway, and not the test
if (process.argv[2] === 'serve') {
  let calls: string[] = []
  for (const [name, call] of Object.entries(fs)) {
    if (typeof call !== 'function' || !name.endsWith('Sync')) continue
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      calls.push(placeOf(name))
      return Reflect.apply(call, this, args)
    }
    Object.assign(fs, { [name]: Object.assign(counted, call) })
  }
  syncBuiltinESMExports()
  process.on('SIGUSR2', () => {
    const made = calls
    calls = []
    process.stdout.write(`${MARK}${JSON.stringify(made)}\n`)
  })
}
