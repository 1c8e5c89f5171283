/**
 * Where the framework's requests and refusals become ours.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'
import { openExchange, type Exchange } from '../exchange.ts'

const exchanges = new WeakMap<IncomingMessage, Exchange>()

/** The exchange of a request, opened when first asked for: some requests fail before any hook of ours runs. */
export function exchangeOf(raw: IncomingMessage, now: number): Exchange {
  const known = exchanges.get(raw)
  if (known !== undefined) return known
  const source = { ip: raw.socket.remoteAddress ?? '', port: raw.socket.remotePort ?? 0 }
  const exchange = openExchange(
    randomUUID(),
    now,
    performance.now(),
    source,
    raw.method ?? '',
    raw.headers,
  )
  exchanges.set(raw, exchange)
  return exchange
}

/** Fastify's own refusals, by their code, in our words. */
export function fromFramework(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return error
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Refusal('unsupported_media_type', 'header "content-type" cannot be read')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Refusal('body_too_large', 'the body is larger than policy may read')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Refusal(
        'bad_header',
        'the body does not have the length that "content-length" says',
      )
    case 'FST_ERR_BAD_URL':
    case 'FST_REPLY_FROM_BAD_REQUEST':
      return new Refusal('bad_path', 'the path is not one that can be forwarded as it is')
    default:
      return error
  }
}
