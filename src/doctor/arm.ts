/**
 * Azure Resource Manager, asked to read with one of several tokens.
 * @module
 */
import { CLOUDS } from '../vocabulary/clouds.ts'
import type { CloudConfig } from '../config/schema/schema.ts'
import { fetchJson } from '../lib/http.ts'
import { parseStrictJson } from '../lib/strict-json.ts'
import type { ArmFetch } from '../policy/review/drift.ts'

const TIMEOUT_MS = 10_000

/** Where ARM is, and the scope of tokens for it. */
export function armOf(cloud: CloudConfig): { readonly origin: string; readonly scope: string } {
  const { resourceManager, armScope: scope } = CLOUDS[cloud.name]
  return { origin: new URL(cloud.resourceManager ?? resourceManager).origin, scope }
}

/**
 * GETs from ARM with the first token that is allowed to read. URLs of other origins are refused, since a token would be
 * sent to them. The function throws an Error that says why there is no answer.
 */
export function armFetch(origin: string, tokens: readonly string[]): ArmFetch {
  return async (pathOrUrl) => {
    const url = new URL(pathOrUrl, origin)
    if (url.origin !== origin) throw new Error('ARM names a page of another host')
    let why = 'there is no token to ask with'
    for (const token of tokens) {
      const answer = await fetchJson(url.href, AbortSignal.timeout(TIMEOUT_MS), {
        headers: { authorization: `Bearer ${token}` },
      })
      if (answer.ok && answer.status === 200) return answer.body
      why = answer.ok ? `status ${answer.status}` : answer.why
      if (!answer.ok || (answer.status !== 401 && answer.status !== 403)) break
    }
    throw new Error(why)
  }
}

/** The object id (`oid`) in a token that the broker has checked; null if it has none. */
export function objectIdOf(token: string): string | null {
  const payload = parseStrictJson(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  if (typeof payload !== 'object' || payload === null) return null
  const oid: unknown = new Map<string, unknown>(Object.entries(payload)).get('oid')
  return typeof oid === 'string' ? oid : null
}
