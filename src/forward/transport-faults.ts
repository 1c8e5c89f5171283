/**
 * What went wrong between the gateway and Azure, as a refusal.
 * @module
 */
import { Refusal } from '../errors.ts'

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_SSL_WRONG_VERSION_NUMBER',
])
const RESET = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_ABORTED',
])
const TIMEOUT = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'FST_REPLY_FROM_GATEWAY_TIMEOUT',
])

/** Walks an error's causes to the first with a known code. */
export function upstreamFault(error: unknown): Refusal {
  for (const code of codes(error)) {
    if (UNREACHABLE.has(code)) {
      return new Refusal('upstream_unreachable', 'azure could not be reached', {
        inner: code,
        cause: error,
      })
    }
    if (TIMEOUT.has(code))
      return new Refusal('upstream_timeout', 'azure did not answer in time', {
        inner: code,
        cause: error,
      })
    if (RESET.has(code)) {
      return new Refusal('upstream_reset', 'azure closed the connection before it answered', {
        inner: code,
        cause: error,
      })
    }
    if (code.startsWith('HPE_') || code.startsWith('UND_ERR_')) return unreadable(error, code)
  }
  // undici's parser errors have no code: a call that is not known to have failed before it was sent may have arrived
  return unreadable(error, error instanceof Error ? error.name : typeof error)
}

function unreadable(error: unknown, inner: string): Refusal {
  return new Refusal('upstream_bad_answer', 'azure sent an answer that cannot be read', {
    inner,
    cause: error,
  })
}

function* codes(error: unknown): Generator<string> {
  let current: unknown = error
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if (
      'code' in current &&
      typeof current.code === 'string' &&
      !current.code.startsWith('FST_REPLY_FROM_INTERNAL')
    ) {
      yield current.code
    }
    if (current instanceof AggregateError) {
      for (const inner of current.errors) yield* codes(inner)
    }
    current = current.cause
  }
}
