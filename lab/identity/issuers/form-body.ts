/**
 * The form of a request, changed before oidc-provider reads it.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export async function changeForm(
  request: IncomingMessage,
  change: (form: URLSearchParams) => Promise<void> | void,
): Promise<void> {
  const form = new URLSearchParams((await buffer(request)).toString('utf8'))
  await change(form)
  const body = Buffer.from(form.toString())
  request.headers['content-length'] = String(body.byteLength)
  // it was read, and is to be read again
  Object.defineProperties(request, {
    readable: { value: true },
    iterator: { value: () => [body].values() },
  })
}
