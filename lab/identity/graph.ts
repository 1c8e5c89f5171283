/**
 * The routes of Microsoft Graph that are asked: which groups somebody is a member of, and what ids are the names of.
 *
 * https://learn.microsoft.com/graph/api/directoryobject-getmembergroups
 * https://learn.microsoft.com/graph/api/directoryobject-getbyids
 * @module
 */
import { directoryObject, isKnown } from './directory.ts'
import type { ManagedIdentities } from './managed-identity.ts'
import { json, type Answer, type Call, type Handler } from '../server/call.ts'
import { PERSONAS } from '../personas.ts'

const AUDIENCES = ['https://graph.microsoft.com']

export interface Graph {
  readonly handler: Handler
  readonly routes: Readonly<Record<string, Handler>>
  /** Answered look-ups since the start, by object id. */
  counts(): Readonly<Record<string, number>>
}

function refused(status: number, code: string, message: string): Answer {
  return json(status, { error: { code, message, innerError: { date: new Date().toISOString() } } })
}

function groupsOf(oid: string): readonly string[] | null {
  for (const persona of PERSONAS.values()) {
    if (persona.kind === 'entra-user' && persona.oid === oid) return persona.groups
    if (persona.kind === 'entra-compute' && persona.oid === oid) return []
  }
  return null
}

export function createGraph(identities: ManagedIdentities): Graph {
  const counts = new Map<string, number>()
  const extra = new Map<string, readonly string[]>()

  async function handler(call: Call): Promise<Answer> {
    const bearer = /^Bearer (\S+)$/i.exec(call.headers.authorization ?? '')?.[1]
    const identity = bearer === undefined ? null : await identities.verify(bearer, AUDIENCES)
    if (identity === null)
      return refused(401, 'InvalidAuthenticationToken', 'Access token validation failure.')
    const [, object] = /^\/v1\.0\/directoryObjects\/([^/]+)$/.exec(call.path) ?? []
    if (object !== undefined && call.method === 'GET') {
      return isKnown(object)
        ? json(200, { id: object })
        : refused(404, 'Request_ResourceNotFound', `Resource '${object}' does not exist.`)
    }
    if (call.path === '/v1.0/directoryObjects/getByIds' && call.method === 'POST') {
      const { ids = [] } = JSON.parse((await call.body()).content?.toString('utf8') ?? '{}') as {
        ids?: readonly string[]
      }
      return json(200, { value: ids.map(directoryObject).filter((one) => one !== null) })
    }
    const match =
      /^\/v1\.0\/(?:users|servicePrincipals|directoryObjects)\/([^/]+)\/(getMemberGroups|transitiveMemberOf)(?:\/.*)?$/.exec(
        call.path,
      )
    const [, oid = '', what] = match ?? []
    if (call.method !== (what === 'getMemberGroups' ? 'POST' : 'GET'))
      return refused(404, 'Request_ResourceNotFound', 'Resource not found for the segment.')
    const { content } = await call.body()
    // as documented: service principals have no answer to "security groups only"
    const isService = call.path.startsWith('/v1.0/servicePrincipals/')
    if (isService && /"securityEnabledOnly"\s*:\s*true/.test(content?.toString('utf8') ?? ''))
      return refused(400, 'Request_BadRequest', 'securityEnabledOnly is not supported here.')
    const groups = extra.get(oid) ?? groupsOf(oid)
    if (groups === null)
      return refused(404, 'Request_ResourceNotFound', `Resource '${oid}' does not exist.`)
    counts.set(oid, (counts.get(oid) ?? 0) + 1)
    const value = what === 'getMemberGroups' ? groups : groups.map((id) => ({ id }))
    return json(200, { '@odata.context': `${call.path}#Collection`, value })
  }

  return {
    handler,
    routes: {
      counts: (call) => {
        if (call.method === 'DELETE') counts.clear()
        return json(200, Object.fromEntries(counts))
      },
      // {"<oid>": ["<group>", ...]}: memberships that differ from the personas'
      groups: async (call) => {
        const text = (await call.body()).content?.toString('utf8') ?? '{}'
        const given = JSON.parse(text) as Record<string, readonly string[]>
        for (const [oid, groups] of Object.entries(given)) extra.set(oid, groups)
        return { status: 204 }
      },
    },
    counts: () => Object.fromEntries(counts),
  }
}
