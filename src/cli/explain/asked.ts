/**
 * The question that `explain` is asked: who, and what.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { classify } from '../../azureml/classify.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { parseTarget } from '../../azureml/target.ts'
import { callFacts } from '../../exchange.ts'
import { fileFaultOf } from '../../lib/file-fault.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Facts } from '../../policy/facts.ts'
import { withAbsent } from '../../policy/review/given.ts'
import { parseFacts, parsePrincipal } from '../../policy/review/given-files.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'

export interface Question {
  readonly principal: Principal
  readonly operation: Operation
  readonly facts: Facts
}

/** Facts that only a connection or a real token has. */
const UNKNOWN = ['sourceIp', 'ownOperation']
const OF_TOKEN = ['tokenAgeSeconds']

/** What is asked by a line such as `GET /subscriptions/...`, with the facts that it tells. */
export function questionOf(
  who: { readonly principal: Principal; readonly token: boolean },
  request: string,
  facts: string,
  now: number,
): Question {
  const [method = '', path = ''] = request.trim().split(/\s+/u)
  const target = parseTarget(method, path)
  const { principal } = who
  const call = { target, principal, receivedAt: now, source: { ip: '', port: 0 } }
  const left = new Set([...UNKNOWN, ...(who.token ? [] : OF_TOKEN)])
  const known = Object.entries(callFacts(call, false)).filter(([name]) => !left.has(name))
  return {
    principal,
    operation: classify(target),
    facts: withAbsent({ ...Object.fromEntries(known), ...parseFacts(facts) }),
  }
}

/** @throws Problem if the file is not a principal's JSON */
export async function principalIn(file: string, io: Io): Promise<Principal> {
  const text = await readFile(resolve(io.cwd, file), 'utf8').catch((error: unknown) => {
    const { what, next } = fileFaultOf(error) ?? { what: 'cannot be read', next: 'name a file' }
    throw new Problem(`"${resolve(io.cwd, file)}" ${what}`, next, error)
  })
  try {
    return parsePrincipal(text, io.now())
  } catch (error) {
    throw new Problem(
      `"${file}" ${error instanceof Error ? error.message : 'cannot be read'}`,
      'write it as {"kind": "user", "id": "entra/<tid>/<oid>", "groups": [...]}; azureml-harness explain --help has more',
      error,
    )
  }
}
