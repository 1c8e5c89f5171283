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
