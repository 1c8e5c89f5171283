/**
 * Fastify's own errors, as refusals.
 * @module
 */
import { Refusal, type RefusalCode } from '../errors.ts'
import { codeOf } from '../lib/error-code.ts'

const NOT_FORWARDED = 'the path is not one that can be forwarded as it is'
const NO_JSON = 'the body is not the JSON that header "content-type" says'
const NO_METHOD = 'the method is not served here'

/** What a request can cause. Fastify's text is never passed on: it quotes the caller. */
const OF_THE_CALLER: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  FST_ERR_NOT_FOUND: ['not_found', 'there is nothing at this path'],
  FST_ERR_VALIDATION: ['bad_body', 'the request does not have the form that this route asks for'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'header "content-type" cannot be read',
  ],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'the body is larger than policy may read'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'bad_header',
    'the body does not have the length that "content-length" says',
  ],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['bad_body', NO_JSON],
  FST_ERR_CTP_INVALID_JSON_BODY: ['bad_body', NO_JSON],
  FST_ERR_BAD_URL: ['bad_path', NOT_FORWARDED],
  FST_ERR_INVALID_URL: ['bad_path', NOT_FORWARDED],
  FST_ERR_MAX_PARAM_LENGTH: ['target_too_long', 'a part of the path is too long'],
  FST_REPLY_FROM_BAD_REQUEST: ['bad_path', NOT_FORWARDED],
  // of QUERY alone, which no service of Azure ML has
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: ['method_not_allowed', NO_METHOD],
  FST_ERR_ROUTE_MISSING_CONTENT: ['method_not_allowed', NO_METHOD],
}

/** No request causes it, whatever its status says. */
const OURS = 'FST_ERR_CTP_INSTANCE_ALREADY_STARTED'

/**
 * The refusal that stands for an error of Fastify's; any other error as it is. One that is not known is the caller's
 * fault if Fastify says so.
 */
export function fromFramework(error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined || code === OURS || !/^FST_(?:ERR|REPLY)_/.test(code)) return error
  const known = Object.hasOwn(OF_THE_CALLER, code) ? OF_THE_CALLER[code] : undefined
  if (known !== undefined) return new Refusal(...known)
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : null
  return typeof status === 'number' && status >= 400 && status < 500
    ? new Refusal('bad_request', 'this is not a request that the gateway serves', { inner: code })
    : error
}
