/**
 * How an answer leaves a server of the lab: whole, or cut off in the middle.
 * @module
 */
import type * as http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from './call.ts'
import type { Entry } from './journal.ts'

/** So that what was written before a cut has left. */
const CUT_AFTER_MS = 20

export async function send(
  response: http.ServerResponse,
  answer: Answer,
  cut: boolean,
  entry: Entry,
): Promise<void> {
  entry.status = answer.status
  response.writeHead(answer.status, { ...answer.headers } as http.OutgoingHttpHeaders)
  if (answer.body instanceof Readable) {
    if (!cut) {
      answer.body.on('data', (chunk: Buffer | string) => {
        entry.sentBytes += Buffer.byteLength(chunk)
      })
      await pipeline(answer.body, response)
      return
    }
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      response.write(chunk)
      break
    }
    await delay(CUT_AFTER_MS)
    response.destroy()
    return
  }
  const body = Buffer.from(answer.body ?? '')
  if (!cut) {
    response.end(body)
    return
  }
  response.write(body.subarray(0, Math.ceil(body.length / 2)))
  await delay(CUT_AFTER_MS)
  response.destroy()
}

export function withLength(answer: Answer, method: string | undefined): Answer {
  if (answer.body instanceof Readable) return answer
  if (answer.status === 204 || answer.status === 304) return { ...answer, body: '' }
  const length = String(Buffer.byteLength(answer.body ?? ''))
  return {
    ...answer,
    headers: { ...answer.headers, 'content-length': length },
    body: method === 'HEAD' ? '' : (answer.body ?? ''),
  }
}
