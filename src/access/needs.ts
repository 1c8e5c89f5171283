/**
 * What a refused caller needs, signed, so that any replica can say how to get it.
 *
 * A replica remembers only what it refused itself. A refusal therefore carries what the call was: an HMAC proves that
 * this gateway wrote it, the principal in it that nobody else uses it. It permits nothing.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Exchange } from '../exchange.ts'
import type { Decision } from '../policy/decide.ts'
import { isGuid } from '../lib/guid.ts'
import { AZURE_FAMILIES, EFFECTS, type Operation } from '../vocabulary/operation.ts'

/** A refused call, as far as it is needed to judge it anew. */
export interface Need {
  /** Its decision id. */
  readonly decision: string
  /** Milliseconds since the epoch. */
  readonly expires: number
  readonly principal: string
  readonly kind: (typeof KINDS)[number]
  /** Some of its groups that counted. */
  readonly groups: readonly string[]
  readonly call: Pick<Operation, 'action' | 'effect' | 'family' | 'secrets' | 'scope'> & {
    readonly resource: { readonly type: string; readonly id: string }
  }
}

/** What of an exchange is in its need. */
export interface RefusedExchange extends Pick<Exchange, 'id' | 'principal' | 'operation'> {
  readonly decision: Pick<Decision, 'memberships'> | null
}

export interface Needs {
  /** The need of a refused exchange; null if it was refused before it was known who asks for what, or is too long. */
  issue(refused: RefusedExchange): string | null
  /**
   * @param decision the id that it was issued for
   * @returns null for what this gateway did not write, and for what has expired
   */
  read(decision: string, text: string): Need | null
}

const LIFETIME_MS = 7 * 86_400_000
const VERSION = 2
const KINDS = ['user', 'service', 'compute'] as const
const MAX_GROUPS = 3
/** Characters. Longer links are cut by mail programs and refused by servers. */
const MAX_LENGTH = 2_000
const PARTS = /^([\w-]{1,2000})\.([\w-]{22})$/u
/** Half of SHA-256, as RFC 2104 section 5 allows. */
const MAC_BYTES = 16

/** What most needs hold, so that they stay short: a reader copies them from an error. Changing it needs a new version. */
const COMMON = Buffer.from(
  [
    'stop/action start/action listKeys/action listSecrets/action registries/',
    'batchEndpoints/ onlineEndpoints/deployments/ schedules/ environments/ components/',
    'datastores/ metadata/artifacts/ experiments/runs/ computes/ models/versions/',
    'data/versions/ jobs/ delete read "invoke","mlflow","Workspace","OnlineEndpoint",',
    '"Datastore","Model","Compute","Job","write","arm",',
    'Microsoft.MachineLearningServices/workspaces/jobs/write/resourcegroups/',
    '/providers/microsoft.machinelearningservices/workspaces//subscriptions/okta/entra/',
  ].join(''),
)
const PACKING = { dictionary: COMMON, windowBits: 11, memLevel: 3 } as const

/**
 * @param key the same on every replica
 * @param now milliseconds since the epoch
 */
export function createNeeds(key: Buffer, now: () => number): Needs {
  // not the key of anything else that is signed with it
  const own = createHmac('sha256', key).update('azureml-harness need').digest()
  const mac = (decision: string, payload: string): Buffer =>
    createHmac('sha256', own).update(`${decision}.${payload}`).digest().subarray(0, MAC_BYTES)

  return {
    issue({ id, principal, operation, decision }) {
      if (principal === null || operation === null) return null
      const { action, effect, family, secrets, scope, resource } = operation
      const expires = Math.floor((now() + LIFETIME_MS) / 1_000)
      // the scope is most often the beginning of the resource's id
      const inside = scope !== null && resource.id.startsWith(scope)
      const groups = (decision?.memberships ?? [])
        .flatMap((one) => (one.type === 'Group' ? [one.id] : []))
        .slice(0, MAX_GROUPS)
      const json = JSON.stringify([
        VERSION,
        expires,
        KINDS.indexOf(principal.kind),
        principal.id,
        groups,
        action,
        effect,
        family,
        secrets ? 1 : 0,
        resource.type,
        resource.id,
        inside ? scope.length : scope,
      ])
      const payload = deflateRawSync(json, PACKING).toString('base64url')
      const text = `${payload}.${mac(id, payload).toString('base64url')}`
      return text.length > MAX_LENGTH ? null : text
    },
    read(decision, text) {
      const [, payload = '', given = ''] = PARTS.exec(text) ?? []
      const bytes = Buffer.from(given, 'base64url')
      const expected = mac(decision, payload)
      if (bytes.byteLength !== expected.byteLength || !timingSafeEqual(bytes, expected)) return null
      const need = parse(decision, payload)
      return need === null || need.expires <= now() ? null : need
    },
  }
}

/** A need together with the id that it belongs to, in one word: what a reader copies. */
export const NEED_WORD = /^([0-9a-f-]{36})\.([\w-]+\.[\w-]+)$/u

/** The link of a refusal: the id, and the need if there is one. */
export const DECISION_LINK =
  /^https:\/\/[^/]+\/_harness\/decisions\/([0-9a-f-]{36})(?:\?need=([\w-]+\.[\w-]+))?$/u

/** What was signed; another version's form is none. */
function parse(decision: string, payload: string): Need | null {
  const value: unknown = JSON.parse(unpacked(payload))
  const parts: readonly unknown[] = Array.isArray(value) ? value : []
  const [version, expires, kindNumber, principal, groups, action, effectWord, familyWord] = parts
  const [secret, type, id, inside] = parts.slice(8)
  if (version !== VERSION || !isGuid(decision)) return null
  const kind = KINDS[Number(kindNumber)]
  const effect = EFFECTS.find((one) => one === effectWord)
  const family = AZURE_FAMILIES.find((one) => one === familyWord)
  if (typeof expires !== 'number' || typeof principal !== 'string') return null
  if (typeof action !== 'string' || typeof type !== 'string' || typeof id !== 'string') return null
  if (kind === undefined || effect === undefined || family === undefined) return null
  const scope =
    typeof inside === 'number' ? id.slice(0, inside) : typeof inside === 'string' ? inside : null
  return {
    decision,
    expires: expires * 1_000,
    principal,
    kind,
    groups: Array.isArray(groups) ? groups.filter((one) => typeof one === 'string') : [],
    call: { action, effect, family, secrets: secret === 1, scope, resource: { type, id } },
  }
}

/** @returns `null` as JSON for what another version packed otherwise */
function unpacked(payload: string): string {
  try {
    return inflateRawSync(Buffer.from(payload, 'base64url'), PACKING).toString('utf8')
  } catch {
    return 'null'
  }
}
