/**
 * The document that ARM keeps of a resource: what the caller gave, and what Azure adds.
 * @module
 */
import { TENANT, type LabIdentity } from '../../personas.ts'
import { ownIdentityOf } from './around.ts'
import { properties } from './documents.ts'
import { kindOf, ownProperties, type Hosts } from './kinds.ts'
import type { ArmPath } from './paths.ts'
import type { Document, Store } from './store.ts'

/** What a caller may set at the top of a document. */
const TOP_LEVEL = ['location', 'tags', 'identity', 'sku', 'kind', 'plan'] as const

/** What Azure alone says of an endpoint or a cluster, whatever a caller writes there. */
const READ_ONLY = ['scoringUri', 'swaggerUri', 'oidcIssuerProfile'] as const

/** Azure takes secrets of connections and datastores, and says them to nobody but who asks for them by name. */
function withoutSecrets(path: ArmPath, given: Document): Document {
  const { credentials } = given
  if (credentials === undefined) return given
  if (kindOf(path) === 'connections') return { ...given, credentials: null }
  if (kindOf(path) !== 'datastores' || typeof credentials !== 'object') return given
  const { secrets: _, ...told } = credentials as Document
  return { ...given, credentials: told }
}

/** A resource's own identity gets its object id by Azure. */
function withPrincipal(path: ArmPath, identity: unknown): unknown {
  if (!/SystemAssigned/.test(String((identity as Document | undefined)?.['type']))) return identity
  return { ...(identity as Document), principalId: ownIdentityOf(path), tenantId: TENANT }
}

/** `by` is null for what was there before anybody called. */
export type MakeDocument = (path: ArmPath, given: Document, by: LabIdentity | null) => Document

export function createMakeDocument(store: Store, hosts: Hosts): MakeDocument {
  return (path, given, by) => {
    const now = new Date().toISOString()
    const name = path.pairs.at(-1)?.[1] ?? ''
    const old = store.get(path.key)?.document
    const created = (old?.['systemData'] as Document | undefined) ?? {
      createdAt: now,
      createdBy: by?.oid ?? 'lab',
      createdByType: 'Application',
    }
    const own = ownProperties(path, hosts, properties(given))
    const top = TOP_LEVEL.filter((key) => given[key] !== undefined).map((key) => [
      key,
      key === 'identity' ? withPrincipal(path, given[key]) : given[key],
    ])
    return {
      id: path.id,
      name,
      type: `${path.namespace}/${path.pairs.map(([type]) => type).join('/')}`,
      ...Object.fromEntries(top),
      properties: {
        ...own,
        ...withoutSecrets(path, properties(given)),
        ...Object.fromEntries(READ_ONLY.flatMap((key) => (key in own ? [[key, own[key]]] : []))),
        provisioningState: 'Succeeded',
      },
      systemData: {
        ...created,
        lastModifiedAt: now,
        lastModifiedBy: by?.oid ?? 'lab',
        lastModifiedByType: 'Application',
      },
    }
  }
}
