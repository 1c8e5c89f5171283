/**
 * What is still to be done for a workspace: what files are for, and what people do by hand.
 * @module
 */
import type { Finding } from '../../../doctor/finding.ts'
import type { Lacking } from './bindings.ts'
import type { Parts } from './resources.ts'

export interface Plan {
  readonly lacking: Lacking
  readonly parts: Parts
  /** Gaps that no file closes, in the order to mend. */
  readonly byHand: readonly Finding[]
  /** What could not be looked at. */
  readonly unverified: readonly Finding[]
  /** Whether a deny assignment watches over the workspace. */
  readonly hasStack: boolean
}

/** Checks whose gaps the written files close, once they are used. */
const BY_FILES = ['roles', 'private-endpoint', 'azure-policy']

/** @param findings with the bindings that are lacking counted as if they were there */
export function planOf(lacking: Lacking, findings: readonly Finding[]): Plan {
  const of = (check: string): readonly Finding[] => findings.filter((one) => one.check === check)
  const failed = (check: string): boolean => of(check).some(({ status }) => status === 'failed')
  const isOk = (check: string): boolean => of(check).every(({ status }) => status === 'ok')
  const failing = findings.filter(({ status }) => status === 'failed')
  return {
    lacking,
    parts: {
      roles: new Set(failing.flatMap(({ check, where }) => (check === 'roles' ? [where] : []))),
      privateEndpoint: failed('private-endpoint'),
      policy: failed('azure-policy'),
    },
    byHand: [
      ...failing.filter(({ check }) => !BY_FILES.includes(check)),
      // it was assigned so that it only reports, and has to refuse one day
      ...of('azure-policy').filter(({ status }) => status === 'warning'),
    ],
    unverified: findings.filter(({ status }) => status === 'unverified'),
    hasStack: isOk('deny-assignments'),
  }
}

export function isDone({ lacking, parts, byHand, unverified }: Plan): boolean {
  const files = lacking.bindings.length > 0 || lacking.owners !== null || needsAzure(parts)
  return !files && byHand.length === 0 && unverified.length === 0
}

export function needsAzure({ roles, privateEndpoint, policy }: Parts): boolean {
  return roles.size > 0 || privateEndpoint || policy
}

/** `plan.json`: the same for programs. */
export function planText(id: string, profile: string, plan: Plan): string {
  const { lacking, parts, byHand, unverified } = plan
  return `${JSON.stringify(
    {
      workspace: id,
      profile,
      add: {
        bindings: lacking.bindings.map(({ file }) => file),
        owners: lacking.owners !== null,
        roles: [...parts.roles],
        privateEndpoint: parts.privateEndpoint,
        policyAssignment: parts.policy,
        deploymentStack: !plan.hasStack,
      },
      present: lacking.present,
      byHand,
      unverified,
    },
    null,
    2,
  )}\n`
}
