/**
 * How a server of the lab fails when a test asked it to.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, Call, Handler } from './call.ts'
import type { Fault } from './faults.ts'
import type { Entry } from './journal.ts'
import { send, withLength } from './reply.ts'

function faultAnswer(fault: Fault): Answer | null {
  if (fault.status === undefined && fault.body === undefined && fault.headers === undefined)
    return null
  return {
    status: fault.status ?? 200,
    headers: {
      ...(fault.body === undefined || typeof fault.body === 'string'
        ? {}
        : { 'content-type': 'application/json' }),
      ...fault.headers,
    },
    body:
      typeof fault.body === 'string'
        ? fault.body
        : fault.body === undefined
          ? ''
          : JSON.stringify(fault.body),
  }
}

/** Answers as the fault says; the handler is asked where the fault leaves something to it. */
export async function answerFaulty(
  call: Call,
  fault: Fault,
  entry: Entry,
  handler: Handler,
): Promise<void> {
  const { response, request } = call.raw
  if (fault.delayMs !== undefined) await delay(fault.delayMs)
  const planned = faultAnswer(fault)
  const cuts = fault.reset === true || fault.raw !== undefined
  const fails = planned !== null || cuts || fault.hang === true
  const real = !fails || fault.after === true ? await handler(call) : null
  if (fault.hang === true) return
  if (fault.raw !== undefined) {
    if (fault.hold === true) request.socket.write(fault.raw, 'latin1')
    else request.socket.end(fault.raw, 'latin1')
    return
  }
  if (fault.reset === true) {
    request.socket.destroy()
    return
  }
  const answer = planned ?? real
  if (answer !== null)
    await send(response, withLength(answer, request.method), fault.reset === 'mid-body', entry)
}
