/**
 * Who may call the lab's Azure: managed identities with a token for the right audience, and what each may do.
 * @module
 */
import { armError, armUnauthorized } from './answers.ts'
import type { ManagedIdentities } from '../../identity/managed-identity.ts'
import type { Answer, Call } from '../../server/call.ts'
import type { LabIdentity } from '../../personas.ts'

/** ARM and the data planes take either. */
export const ARM_AUDIENCES = [
  'https://management.azure.com',
  'https://management.core.windows.net',
] as const
export const ML_AUDIENCES = ['https://ml.azure.com'] as const

/** POSTs that only read; the rest of them change something. */
const READING_POSTS = /\/(listnodes|getlogs|listnotebookkeys|listnotebookaccesstoken|diagnose)$/i

export type Access = { readonly identity: LabIdentity } | { readonly refusal: Answer }

export interface AccessOptions {
  readonly identities: ManagedIdentities
  readonly audiences: readonly string[]
  /** In the data planes a POST may be a query. */
  readonly postReads: boolean
}

export function createAccess(options: AccessOptions): (call: Call) => Promise<Access> {
  return async (call) => {
    const bearer = /^Bearer ([^\s]+)$/i.exec(call.headers.authorization ?? '')?.[1]
    if (bearer === undefined) {
      const message = "Authentication failed. The 'Authorization' header is missing."
      return { refusal: armUnauthorized('AuthenticationFailed', message) }
    }
    const identity = await options.identities.verify(bearer, options.audiences)
    if (identity === null) {
      const message = 'The access token is invalid: wrong issuer, audience, signature or time.'
      return { refusal: armUnauthorized('InvalidAuthenticationToken', message) }
    }
    const reads =
      call.method === 'GET' ||
      call.method === 'HEAD' ||
      (call.method === 'POST' && (options.postReads || READING_POSTS.test(call.path)))
    if (identity.may === 'write' || (identity.may === 'read' && reads)) return { identity }
    const message =
      `The client '${identity.clientId}' with object id '${identity.oid}' does not have ` +
      `authorization to perform this action over scope '${call.path}' or the scope is invalid.`
    return { refusal: armError(403, 'AuthorizationFailed', message) }
  }
}
