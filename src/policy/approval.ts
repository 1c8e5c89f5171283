/**
 * `@approval` on a forbid: what it forbids becomes possible once others have reviewed this very change.
 *
 * Cedar evaluates such a forbid like any other. A review decides only if nothing but such forbids, and those of `@stepup`,
 * keeps a permit from applying. Who reviewed what is another stage's affair: it hands over a proof.
 * @module
 */
import type { ApprovalAsk } from '../approvals/asks.ts'
import type { ApprovalProof } from '../approvals/proof.ts'
import type { Rule } from './load/rules.ts'

/** What all forbids that keep a permit from applying ask for together. */
export interface Approval {
  readonly asks: readonly ApprovalAsk[]
  readonly reason: string
}

export function approvalOf(refusing: readonly Rule[]): Approval | null {
  const asks = refusing.flatMap(({ id, policy: { approval, reason } }) =>
    approval === null ? [] : [{ policy: id, reason, rule: approval }],
  )
  if (asks.length === 0) return null
  return { asks, reason: [...new Set(asks.map(({ reason }) => reason))].join('; ') }
}

/** Whether a proof answers everything that is asked. */
export function answers(proof: ApprovalProof, { asks }: Approval): boolean {
  return asks.every(({ policy }) => proof.policies.includes(policy))
}
