/**
 * Bindings that were probably meant for a caller and name somebody else: another issuer, other letters, an e-mail.
 * @module
 */
import type { Uid } from '../load/conditions.ts'
import type { Binding } from '../load/bindings.ts'
import type { PolicySet } from '../load/rules.ts'

const textOf = ({ type, id }: Uid): string => `${type}::"${id}"`

/** An id without issuer, tenant and letter case: what people copy and get right. */
const coreOf = ({ id }: Uid): string => id.slice(id.lastIndexOf('/') + 1).toLowerCase()

const isHere = ({ resource }: Binding, resources: readonly Uid[]): boolean =>
  resources.some(({ type, id }) => type === resource.type && id === resource.id)

/** A sentence on the first such binding, or null. */
export type Mistyped = (principals: readonly Uid[], resources: readonly Uid[]) => string | null

/** An index over the bindings, so that a refusal costs the same however many there are. */
export function createMistyped(set: PolicySet): Mistyped {
  const byCore = Map.groupBy(
    set.bindings.bindings.filter(
      ({ shadow, principal }) => !shadow && principal.type !== 'Workspace',
    ),
    ({ principal }) => coreOf(principal),
  )
  const byMail = set.bindings.bindings.filter(
    ({ shadow, principal }) => !shadow && principal.type === 'User' && principal.id.includes('@'),
  )

  return (principals, resources) => {
    for (const uid of principals) {
      const near = byCore
        .get(coreOf(uid))
        ?.find(
          (one) =>
            isHere(one, resources) &&
            (one.principal.id !== uid.id || one.principal.type !== uid.type),
        )
      if (near === undefined) continue
      return `binding ${near.id} may be mistyped: it names ${textOf(near.principal)}, the token carries ${textOf(uid)}`
    }
    const [who] = principals
    const mail = byMail.find((one) => isHere(one, resources))
    return mail === undefined || who?.type !== 'User'
      ? null
      : `binding ${mail.id} names an e-mail address; if this caller is meant, it has to name ${textOf(who)}`
  }
}
