/**
 * Whom the lab's directory knows: people, groups, and the identities of computes and of the gateway.
 * @module
 */
import { IDENTITIES, PERSONAS } from '../personas.ts'

/** Whether an object id is somebody's, or a group's. */
export function isKnown(objectId: string): boolean {
  const wanted = objectId.toLowerCase()
  if (IDENTITIES.some(({ oid }) => oid === wanted)) return true
  for (const persona of PERSONAS.values()) {
    if (
      persona.kind === 'entra-user' &&
      (persona.oid === wanted || persona.groups.includes(wanted))
    )
      return true
    if (persona.kind === 'entra-compute' && persona.oid === wanted) return true
  }
  return false
}

/** As Microsoft Graph shows an object of these; null for ids that nobody has. */
export function directoryObject(objectId: string): Readonly<Record<string, string>> | null {
  const wanted = objectId.toLowerCase()
  const of = (type: string, displayName: string): Readonly<Record<string, string>> => ({
    '@odata.type': `#microsoft.graph.${type}`,
    id: wanted,
    displayName,
  })
  for (const { oid, name } of IDENTITIES) if (oid === wanted) return of('servicePrincipal', name)
  for (const [name, persona] of PERSONAS) {
    if (persona.kind === 'entra-compute' && persona.oid === wanted)
      return of('servicePrincipal', name)
    if (persona.kind !== 'entra-user') continue
    if (persona.oid === wanted)
      return { ...of('user', persona.name), userPrincipalName: persona.upn }
    if (persona.groups.includes(wanted)) return of('group', `${name}s`)
  }
  return null
}
