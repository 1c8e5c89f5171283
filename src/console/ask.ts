/**
 * How pages ask: as calls of the gateway's API, made in the name of the person who looks at the page.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'
import type { HeldCall, KeptAnswer } from '../http/kept-reply.ts'
import type { Principal } from '../identity/principal.ts'
import { Answer } from './answer.ts'
import { ApiRefusal, type Ask, type OwnPath } from './page.ts'

/** Makes a call in the name of somebody who is known. Null if its answer broke off. */
export type MakeCall = (
  principal: Principal,
  by: IncomingMessage,
  call: HeldCall,
) => Promise<KeptAnswer | null>

/** What the record calls the client of these calls (exchange.ts). */
const USER_AGENT = 'azureml-harness-console/1.0'

export function createAsk(make: MakeCall, principal: Principal, by: IncomingMessage): Ask {
  return async (target: OwnPath, body?: object): Promise<Answer> => {
    const isRead = body === undefined
    const answer = await make(principal, by, {
      method: isRead ? 'GET' : 'POST',
      target,
      headers: {
        'user-agent': USER_AGENT,
        ...(isRead ? {} : { 'content-type': 'application/json' }),
      },
      body: Buffer.from(isRead ? '' : JSON.stringify(body)),
    })
    if (answer === null) throw new Refusal('internal_error', 'the answer broke off')
    const told = new Answer(documentIn(answer.body))
    if (answer.status >= 400) throw new ApiRefusal(answer.status, told)
    return told
  }
}

function documentIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    throw new Refusal('internal_error', 'the gateway could not read its own answer')
  }
}
