/**
 * What the checks of a workspace are about, and how they name what they read.
 * @module
 */
import type { Config } from '../../../config/schema/schema.ts'
import { fieldsOf, type Members } from '../../../lib/strict-json.ts'
import type { PolicySet } from '../../../policy/load/rules.ts'
import type { Broker } from '../../../token/broker.ts'
import { PROVIDER } from '../../../vocabulary/resource-types.ts'
import type { Asked, Azure } from '../azure.ts'

/** The gateway that the workspace is to be reached through. */
export interface GatewaySide {
  readonly config: Config
  readonly policies: PolicySet
  readonly broker: Broker
  /** Object ids of its managed identities, as far as they are known. */
  readonly ids: ReadonlyMap<string, string>
}

/** A compute of the workspace, as far as the checks look at it. */
export interface Compute {
  readonly name: string
  /** `AmlCompute`, `ComputeInstance` and others. */
  readonly type: string
  /** Object ids of its identities. */
  readonly principals: readonly string[]
  /** `properties` of the resource. */
  readonly common: Members
  /** `properties.properties`: what only its type has. */
  readonly own: Members
}

export interface Subject {
  /** ARM id of the workspace, as it was given. */
  readonly id: string
  readonly azure: Azure
  /** Null without a configuration. */
  readonly gateway: GatewaySide | null
  /** Object ids of principals that may write around the gateway, by the asker's word. */
  readonly accepted: ReadonlySet<string>
  readonly workspace: Members
  readonly properties: Members
  readonly computes: () => Promise<readonly Compute[]>
}

/** `{PROVIDER}/workspaces/...` with an api-version that all checks of that part use. */
const WORKSPACE_VERSION = '2024-10-01'

/** What is read of the workspace itself, or of a collection in it such as `computes`. */
export function inWorkspace(id: string, collection?: string): Asked {
  const apiVersion = WORKSPACE_VERSION
  return collection === undefined
    ? { id, apiVersion, permission: `${PROVIDER}/workspaces/read` }
    : {
        id: `${id}/${collection}`,
        apiVersion,
        permission: `${PROVIDER}/workspaces/${collection}/read`,
      }
}

/** A member that is a text; empty if it is none. */
export function text(members: Members, name: string): string {
  const value = members.get(name)
  return typeof value === 'string' ? value : ''
}

/** Whether a member is this text, which Azure compares without case. */
export function is(members: Members, name: string, value: string): boolean {
  return text(members, name).toLowerCase() === value.toLowerCase()
}

/** Members of a member. */
export function inside(members: Members, ...names: readonly string[]): Members {
  let at = members
  for (const name of names) at = fieldsOf(at.get(name))
  return at
}

/** A member that is a list. */
export function listIn(members: Members, name: string): readonly unknown[] {
  const value = members.get(name)
  return Array.isArray(value) ? value : []
}

/** Object ids of the identities of a resource. */
export function principalsIn(resource: Members): readonly string[] {
  const identity = inside(resource, 'identity')
  const assigned = [...inside(identity, 'userAssignedIdentities').values()].map(fieldsOf)
  return [identity, ...assigned]
    .map((one) => text(one, 'principalId').toLowerCase())
    .filter((id) => id !== '')
}

/** Reads the computes of a workspace. @throws Unread */
export async function readComputes(azure: Azure, id: string): Promise<readonly Compute[]> {
  const found = await azure.list(inWorkspace(id, 'computes'))
  return found.map((resource) => {
    const common = inside(resource, 'properties')
    return {
      name: text(resource, 'name'),
      type: text(common, 'computeType'),
      principals: principalsIn(resource),
      common,
      own: inside(common, 'properties'),
    }
  })
}

/** Whether `scope` is `id` or above it. */
export function isAtOrAbove(scope: string, id: string): boolean {
  return scope === '/' || `${id}/`.toLowerCase().startsWith(`${scope}/`.toLowerCase())
}
