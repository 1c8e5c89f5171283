/**
 * Azure Resource Manager, asked to read with one of several tokens.
 * @module
 */
import { CLOUDS } from '../vocabulary/clouds.ts'
import type { CloudConfig } from '../config/schema/schema.ts'
import { fetchJson, type Answer } from '../lib/http.ts'
import { parseStrictJson } from '../lib/strict-json.ts'
import type { ArmFetch } from '../policy/review/drift.ts'

const TIMEOUT_MS = 10_000
/** A subscription may have 4,000 role assignments, which Azure lists on one page, with 700 bytes each. */
const MAX_PAGE_BYTES = 16 * 1_048_576
/** If ARM throttles and does not say for how long. */
const DEFAULT_WAIT_SECONDS = 10

/** Where ARM is, and the scope of tokens for it. */
export function armOf(cloud: CloudConfig): { readonly origin: string; readonly scope: string } {
  const { resourceManager, armScope: scope } = CLOUDS[cloud.name]
  return { origin: new URL(cloud.resourceManager ?? resourceManager).origin, scope }
}

/** Why ARM gave no answer, as a text, and the status that it gave instead; null if it gave none. */
export class ArmError extends Error {
  override readonly name = 'ArmError'
  readonly status: number | null

  constructor(why: string, status: number | null) {
    super(why)
    this.status = status
  }
}

/** Waits as long as ARM asks for. @param seconds from `Retry-After` @returns false to give up instead */
export type WaitFor = (seconds: number) => Promise<boolean>

/**
 * GETs from ARM with the first token that is allowed to read. URLs of other origins are refused, since a token would be
 * sent to them. The function throws an ArmError that says why there is no answer.
 * @param waitFor asked whenever ARM throttles; without it a throttled call fails at once
 */
export function armFetch(
  origin: string,
  tokens: readonly string[],
  waitFor: WaitFor = async () => false,
): ArmFetch {
  async function ask(url: string, token: string): Promise<Answer> {
    for (;;) {
      const answer = await fetchJson(url, AbortSignal.timeout(TIMEOUT_MS), {
        headers: { authorization: `Bearer ${token}` },
        maxBytes: MAX_PAGE_BYTES,
      })
      const throttled = answer.ok && answer.status === 429
      if (!throttled || !(await waitFor(answer.retryAfter ?? DEFAULT_WAIT_SECONDS))) return answer
    }
  }
  return async (pathOrUrl) => {
    const url = new URL(pathOrUrl, origin)
    if (url.origin !== origin) throw new ArmError('ARM names a page of another host', null)
    let why = 'there is no token to ask with'
    let status: number | null = null
    for (const token of tokens) {
      const answer = await ask(url.href, token)
      if (answer.ok && answer.status === 200) return answer.body
      why = answer.ok ? `status ${answer.status}` : answer.why
      status = answer.ok ? answer.status : null
      if (status !== 401 && status !== 403) break
    }
    throw new ArmError(why, status)
  }
}

/** The object id (`oid`) in a token that the broker has checked; null if it has none. */
export function objectIdOf(token: string): string | null {
  const payload = parseStrictJson(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  if (typeof payload !== 'object' || payload === null) return null
  const oid: unknown = new Map<string, unknown>(Object.entries(payload)).get('oid')
  return typeof oid === 'string' ? oid : null
}
