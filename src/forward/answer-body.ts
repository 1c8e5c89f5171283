/**
 * Azure's answer as it arrives, and what kind of one it is.
 * @module
 */
import { Readable } from 'node:stream'
import { Refusal } from '../errors.ts'

/** What reply-from hands over: undici's answer. */
export interface UpstreamAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly stream: Readable
}

/** Narrows what reply-from passes to `onResponse`, whose published type is that of another object. */
export function toUpstreamAnswer(response: object): UpstreamAnswer {
  if (
    'statusCode' in response &&
    typeof response.statusCode === 'number' &&
    'stream' in response &&
    response.stream instanceof Readable &&
    'headers' in response &&
    typeof response.headers === 'object' &&
    response.headers !== null
  ) {
    return {
      statusCode: response.statusCode,
      headers: { ...response.headers },
      stream: response.stream,
    }
  }
  throw new Refusal('upstream_bad_answer', 'azure sent an answer that cannot be read')
}

/** ARM uses `Location` on 201 and 202 too; only a 3xx other than 304 asks the client to go elsewhere. */
export function isRedirect(answer: UpstreamAnswer): boolean {
  return answer.statusCode >= 300 && answer.statusCode < 400 && answer.statusCode !== 304
}

/** Without a type, too: clients of several languages take such an answer for JSON. */
export function isJson(answer: UpstreamAnswer): boolean {
  const type = answer.headers['content-type']
  return type === undefined || /^(?:application|text)\/([\w.+-]+\+)?json\b/i.test(String(type))
}
