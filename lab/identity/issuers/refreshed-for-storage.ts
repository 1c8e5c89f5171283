/**
 * Entra ID's refresh tokens are good for other resources, too: a client asks with one for a token for Azure Storage.
 *
 * oidc-provider refuses scopes that were not asked for at the sign-in, so that one is taken out of the request, and the
 * token is made one for storage when it is signed.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { TENANT } from '../../personas.ts'
import type { Claims } from './claims.ts'

const STORAGE = 'https://storage.azure.com'

export interface RefreshedForStorage {
  /** Looks at a call of the token endpoint before oidc-provider does. */
  take(request: IncomingMessage, form: URLSearchParams): void
  /** What differs in the token that answers a request; nothing for most. */
  claims(request: IncomingMessage): Claims
}

export function createRefreshedForStorage(): RefreshedForStorage {
  const taken = new WeakSet<IncomingMessage>()
  return {
    take(request, form) {
      const scope = form.get('scope') ?? ''
      if (form.get('grant_type') === 'refresh_token' && scope.startsWith(`${STORAGE}/`)) {
        taken.add(request)
        form.delete('scope')
      }
    },
    claims: (request) =>
      taken.has(request)
        ? {
            aud: STORAGE,
            iss: `https://sts.windows.net/${TENANT}/`,
            ver: '1.0',
            scp: 'user_impersonation',
          }
        : {},
  }
}
