/**
 * Fastify's own errors, as refusals.
 * @module
 */
import { Refusal } from '../errors.ts'
import { codeOf } from '../lib/error-code.ts'

/** The refusal that stands for an error of Fastify's; any other error as it is. */
export function fromFramework(error: unknown): unknown {
  switch (codeOf(error)) {
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
