/**
 * What people write for a gateway, as its origin.
 * @module
 */
import { isSafeUrl } from '../../lib/http.ts'
import { isPlain, Problem } from '../problem.ts'

/** The gateway's origin. @throws Problem for anything else */
export function gatewayOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !isSafeUrl(text) || url.pathname !== '/' || url.search !== '')
    throw new Problem(
      `"${isPlain(text) ? text : '?'}" is not a gateway`,
      'give its origin, for instance https://ml.contoso.example',
    )
  return url.origin
}
