/**
 * The groups of a principal whose token had no room for them, asked of Microsoft Graph by the gateway's own identity.
 *
 * The endpoint that such a token names is never called: it is a claim like any other, and would get a credential.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { Refusal } from '../errors.ts'
import { isAhead } from '../lib/clock.ts'
import { isGuid } from '../lib/guid.ts'
import { createGuard, type Guard } from '../lib/guard.ts'
import { fetchJson, nameFailure, type Answer } from '../lib/http.ts'
import { createSingleFlight } from '../lib/single-flight.ts'
import type { Principal } from './principal.ts'
import { isObject } from '../lib/strict-json.ts'

export interface GroupResolverOptions {
  /** Graph's origin, for instance `https://graph.microsoft.com`. */
  readonly endpoint: string
  /** Which of the gateway's identities asks; it needs `User.ReadBasic.All` and `GroupMember.Read.All`. */
  readonly identity: string
  /** What the token is for; the endpoint's own default scope if absent. */
  readonly scope?: string
  readonly graphToken: (identityName: string, scope: string) => Promise<string>
  readonly now: () => number
  readonly timeoutMs: number
}

/** Group ids from Graph, lower case, and until when they are valid. */
interface Membership {
  readonly ids: readonly string[]
  /** Milliseconds since the epoch. */
  readonly until: number
}

export interface GroupResolver {
  /** @throws Refusal `groups_unresolved` (Graph refuses to say), `graph_unavailable` (Graph does not answer) */
  resolve(principal: Pick<Principal, 'id' | 'kind'>, objectId: string): Promise<Membership>
  counts: Guard['counts']
}

const FRESH_MS = 600_000
const REFUSED_MS = 60_000
/** 11,000 ids is the most for one principal; about 50 MB in all. */
const MAX_IDS = 500_000

export function createGroupResolver(options: GroupResolverOptions): GroupResolver {
  const { endpoint, identity, graphToken, now, timeoutMs } = options
  const { origin } = new URL(endpoint)
  const scope = options.scope ?? `${origin}/.default`
  const known = new LRUCache<string, { until: number; ids: readonly string[] | null }>({
    maxSize: MAX_IDS,
    sizeCalculation: ({ ids }) => 8 + (ids?.length ?? 0),
  })
  const askOnce = createSingleFlight<Membership>()
  const guard = createGuard({
    now,
    waitMs: timeoutMs,
    refuse: (retryAfter, inner) =>
      new Refusal('graph_unavailable', 'the groups of the principal cannot be asked for now', {
        retryAfter,
        inner,
      }),
  })

  async function call(kind: Principal['kind'], objectId: string): Promise<Answer> {
    const signal = AbortSignal.timeout(timeoutMs)
    let token: string
    try {
      token = await graphToken(identity, scope)
    } catch (error) {
      return { ok: false, why: `no token for Graph: ${nameFailure(error)}` }
    }
    const collection = kind === 'user' ? 'users' : 'servicePrincipals'
    return fetchJson(`${origin}/v1.0/${collection}/${objectId}/getMemberGroups`, signal, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      // Graph supports "true" for users only
      body: JSON.stringify({ securityEnabledOnly: kind === 'user' }),
    })
  }

  const resolve: GroupResolver['resolve'] = async (principal, objectId) =>
    askOnce(principal.id, async () => {
      const cached = known.get(principal.id)
      if (cached !== undefined && isAhead(cached.until, FRESH_MS, now())) return given(cached)
      const { status, body } = await guard.run(() => call(principal.kind, objectId))
      const ids = status === 200 ? readIds(body) : null
      const entry = { ids, until: now() + (ids === null ? REFUSED_MS : FRESH_MS) }
      known.set(principal.id, entry)
      return given(entry, `status ${status}`)
    })
  return { resolve, counts: () => guard.counts() }
}

function given(
  entry: { until: number; ids: readonly string[] | null },
  inner?: string,
): Membership {
  const { ids, until } = entry
  if (ids !== null) return { ids, until }
  throw new Refusal(
    'groups_unresolved',
    'Microsoft Graph does not tell the groups of the principal',
    {
      remedy:
        'let the gateway’s identity read group memberships, or assign app roles instead of groups',
      ...(inner === undefined ? {} : { inner }),
    },
  )
}

function readIds(body: unknown): readonly string[] | null {
  if (!isObject(body) || !Array.isArray(body['value'])) return null
  const ids: string[] = []
  for (const id of body['value']) {
    if (typeof id !== 'string' || !isGuid(id)) return null
    ids.push(id.toLowerCase())
  }
  return ids
}
