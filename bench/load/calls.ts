/**
 * The calls of a load, as a file that each load generator reads: method and body on the first line, then a path and a token
 * on each. Many URLs and many tokens: one of each would only show how well it is remembered.
 */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Scenario } from '../world/answers.ts'

export interface Call {
  readonly path: string
  readonly token: string
}

export interface Calls {
  readonly method: Scenario['method']
  readonly body: string | null
  readonly calls: readonly Call[]
}

/** Writes `count` calls over all tokens in turn, with `urls` URLs in turn, one for each call if absent. */
export async function writeCalls(
  file: string,
  { method, body, path }: Scenario,
  tokens: readonly string[],
  count: number,
  urls = count,
): Promise<void> {
  const lines = Array.from(
    { length: count },
    (_, n) => `${path(n % urls)}\t${tokens[n % tokens.length]}`,
  )
  await writeFile(file, `${method}\t${body ?? ''}\n${lines.join('\n')}\n`, { mode: 0o600 })
}

export function readCalls(file: string): Calls {
  const [first = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  const [method = 'GET', body = ''] = first.split('\t')
  const calls = lines.map((line) => {
    const [path = '', token = ''] = line.split('\t')
    return { path, token }
  })
  return { method: method as Calls['method'], body: body === '' ? null : body, calls }
}

/** Headers of a call. */
export function headersOf({ body }: Calls, token: string): Record<string, string> {
  const authorization = `Bearer ${token}`
  return body === null ? { authorization } : { authorization, 'content-type': 'application/json' }
}
