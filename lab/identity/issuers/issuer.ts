/**
 * An OpenID provider (oidc-provider) that issues tokens in the shape of Entra ID or Okta.
 *
 * Discovery, keys, token endpoint, code and device flow, introspection and revocation are
 * oidc-provider's own. Two things are the lab's: the claims, and a grant by which a test or a
 * person at a keyboard becomes one of the personas without a browser.
 * @module
 */
import { randomUUID, type KeyObject } from 'node:crypto'
import { Provider } from 'oidc-provider'
import { json, type Call, type Handler } from '../../server/call.ts'
import { createAdapterFactory } from './adapter.ts'
import type { Claims } from './claims.ts'
import { configurationOf, type IssuerOptions } from './configuration.ts'
import { createRefreshedForStorage } from './refreshed-for-storage.ts'
import { allowAnyPort, takeFederated } from './console-client.ts'
import { changeForm } from './form-body.ts'
import { registerPersonaGrant } from './persona-grant.ts'
import { interactionOrError } from './sign-in.ts'
import { generateKey } from './signing-keys.ts'
import { createStructuredTokens, describe } from './structured.ts'

export interface Issuer {
  readonly url: string
  readonly handler: Handler
  readonly routes: Readonly<Record<string, Handler>>
  /** The key that signs now, for tests that forge tokens. */
  signing(): { readonly kid: string; readonly privateKey: KeyObject }
  /** Claims of an access token that one of its keys signed; null otherwise. */
  verify(token: string): Promise<Claims | null>
  /** A new signing key; the old ones stay published if `keep`. */
  rotate(keep: boolean): Promise<void>
}

export async function createIssuer(options: IssuerOptions): Promise<Issuer> {
  const url = `${options.origin}${options.mount}`
  const storage = createRefreshedForStorage()
  const kept = { storage, adapter: createAdapterFactory(), cookieKey: randomUUID() }
  const structured = createStructuredTokens(() => keys)
  let keys = [await generateKey()]

  function build(): Provider {
    const provider = new Provider(url, configurationOf(options, url, keys, kept))
    provider.use(structured)
    registerPersonaGrant(provider, options)
    allowAnyPort(provider)
    return provider
  }

  let provider = build()
  let callback = provider.callback()

  async function handler(call: Call): Promise<null> {
    const { request, response } = call.raw
    const target = request.url ?? ''
    if (call.path.startsWith(`${options.mount}/interaction/`)) {
      await interactionOrError(provider, options, call)
      return null
    }
    if (!target.startsWith(`${options.mount}/`)) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such issuer here\n')
      return null
    }
    if (call.method === 'POST' && call.path === `${options.mount}/token`)
      await changeForm(request, async (form) => {
        if (options.refreshesForStorage === true) storage.take(request, form)
        if (options.verifyFederated !== undefined)
          await takeFederated(form, options.verifyFederated)
      })
    // oidc-provider is mounted: it sees the rest of the path and finds its prefix in originalUrl
    Object.assign(request, { originalUrl: target })
    request.url = target.slice(options.mount.length)
    await callback(request, response)
    return null
  }

  async function rotate(keep: boolean): Promise<void> {
    const fresh = await generateKey()
    keys = keep ? [fresh, ...keys] : [fresh]
    provider = build()
    callback = provider.callback()
  }

  return {
    url,
    handler,
    routes: {
      rotate: async (call) => {
        await rotate(call.params.get('keep') !== 'false')
        return json(200, { kids: keys.map((key) => key.kid) })
      },
    },
    signing() {
      const key = keys[0]
      if (key === undefined) throw new Error('an issuer always has a key')
      return { kid: key.kid, privateKey: key.privateKey }
    },
    async verify(token) {
      const claims = await describe(token, keys)
      return claims['active'] === true && claims['iss'] === url ? claims : null
    },
    rotate,
  }
}
