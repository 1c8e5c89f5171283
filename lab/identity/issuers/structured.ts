/**
 * What Okta does at introspection and revocation, and oidc-provider does not: JWT access tokens, and a `jti` for opaque ones.
 * @module
 */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import type { KoaContextWithOIDC } from 'oidc-provider'

export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
}

export type Middleware = (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>

/** The introspection answer for a JWT: its claims, or that it is not active. */
export async function describe(
  token: string,
  keys: readonly SigningKey[],
): Promise<Record<string, unknown>> {
  try {
    const { kid } = decodeProtectedHeader(token)
    const key = keys.find((one) => one.kid === kid)
    if (key === undefined) return { active: false }
    const { payload } = await jwtVerify(token, createPublicKey(key.privateKey))
    const { scp, cid, uid, sub } = payload
    return {
      ...payload,
      active: true,
      token_type: 'Bearer',
      scope: Array.isArray(scp) ? scp.join(' ') : undefined,
      client_id: cid,
      username: uid === undefined ? undefined : sub,
    }
  } catch {
    return { active: false }
  }
}

/** Runs around oidc-provider: where that declines a structured token, it answers in its place. */
export function createStructuredTokens(keys: () => readonly SigningKey[]): Middleware {
  const revoked = new Set<string>()
  return async (ctx, next) => {
    await next()
    // koa's body may be anything; the errors of oidc-provider are objects with `error`
    const body = ctx.body as { error?: unknown; active?: unknown; jti?: unknown } | null | undefined
    const token = ctx.oidc.params?.['token']
    if (typeof token !== 'string') return
    // the id of an opaque token is the token itself, which an answer does not show
    if (body?.active === true) {
      body.jti ??= `AT.${createHash('sha256').update(token).digest('base64url')}`
    }
    if (body?.error !== 'unsupported_token_type') return
    if (ctx.oidc.route === 'introspection') {
      ctx.status = 200
      ctx.body = revoked.has(token) ? { active: false } : await describe(token, keys())
    }
    if (ctx.oidc.route === 'revocation') {
      revoked.add(token)
      ctx.status = 200
      ctx.body = ''
    }
  }
}
