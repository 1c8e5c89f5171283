/**
 * What a refused caller needs, signed, so that any replica can say how to get it.
 *
 * A replica remembers only what it refused itself. The link of a refusal therefore carries what the call was: an HMAC
 * proves that this gateway wrote it, the principal in it that nobody else uses it. It permits nothing.
 * @module
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { AZURE_FAMILIES, EFFECTS, type Operation } from '../vocabulary/operation.ts'
import { isGuid } from '../lib/guid.ts'

/** A refused call, as far as it is needed to judge it anew. */
export interface Need {
  readonly decision: string
  /** Milliseconds since the epoch. */
  readonly expires: number
  readonly principal: string
  readonly call: Pick<Operation, 'action' | 'effect' | 'family' | 'secrets' | 'scope'> & {
    readonly resource: { readonly type: string; readonly id: string }
  }
}

export interface Needs {
  /** The need of a refused exchange; null if it was refused before it was known who asks for what, or is too long. */
  issue(exchange: Exchange): string | null
  /** Null for what this gateway did not write, and for what has expired. */
  read(text: string): Need | null
}

const LIFETIME_MS = 7 * 86_400_000
const VERSION = 1
/** Characters. Longer links are cut by mail programs and refused by servers. */
const MAX_LENGTH = 2_000
const PARTS = /^([\w-]{1,2000})\.([\w-]{43})$/u

/**
 * @param key the same on every replica
 * @param now milliseconds since the epoch
 */
export function createNeeds(key: Buffer, now: () => number): Needs {
  // not the key of anything else that is signed with it
  const own = createHmac('sha256', key).update('azureml-harness need').digest()
  const mac = (payload: string): Buffer => createHmac('sha256', own).update(payload).digest()

  return {
    issue({ id, principal, operation }) {
      if (principal === null || operation === null) return null
      const { action, effect, family, secrets, scope, resource } = operation
      const expires = now() + LIFETIME_MS
      const { type } = resource
      // the scope is most often the beginning of the resource's id
      const inside = scope !== null && resource.id.startsWith(scope)
      const what = [secrets ? 1 : 0, type, resource.id, inside ? scope.length : scope]
      const payload = Buffer.from(
        JSON.stringify([VERSION, expires, id, principal.id, action, effect, family, ...what]),
      ).toString('base64url')
      const text = `${payload}.${mac(payload).toString('base64url')}`
      return text.length > MAX_LENGTH ? null : text
    },
    read(text) {
      const [, payload = '', given = ''] = PARTS.exec(text) ?? []
      const expected = mac(payload)
      const bytes = Buffer.from(given, 'base64url')
      if (bytes.byteLength !== expected.byteLength || !timingSafeEqual(bytes, expected)) return null
      const need = parse(Buffer.from(payload, 'base64url').toString('utf8'))
      return need === null || need.expires <= now() ? null : need
    },
  }
}

/** What was signed; another version's form is none. */
function parse(json: string): Need | null {
  const value: unknown = JSON.parse(json)
  const parts: readonly unknown[] = Array.isArray(value) ? value : []
  const [version, expires, decision, principal, action, effectWord, familyWord] = parts
  const [secret, type, id, inside] = parts.slice(7)
  if (version !== VERSION) return null
  const effect = EFFECTS.find((one) => one === effectWord)
  const family = AZURE_FAMILIES.find((one) => one === familyWord)
  if (typeof expires !== 'number' || typeof decision !== 'string' || !isGuid(decision)) return null
  if (typeof principal !== 'string' || typeof action !== 'string') return null
  if (typeof type !== 'string' || typeof id !== 'string') return null
  if (effect === undefined || family === undefined) return null
  const scope =
    typeof inside === 'number' ? id.slice(0, inside) : typeof inside === 'string' ? inside : null
  const resource = { type, id }
  return {
    decision,
    expires,
    principal,
    call: { action, effect, family, secrets: secret === 1, scope, resource },
  }
}
