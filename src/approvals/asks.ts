/**
 * What policy asks of a review: the words of `@approval`, read.
 * @module
 */

/** What one forbid asks of a review. Durations are in milliseconds. */
export interface ApprovalRule {
  /** Different people who approve; 0: nobody has to, but a reason is given. */
  readonly reviewers: number
  /** Who they are: those of owners.yaml, or whoever policy permits to approve. */
  readonly from: 'owners' | 'policy'
  /** How long a request waits for its reviewers. */
  readonly requestMs: number
  /** How long an approval can be used, from the verdict that decided. */
  readonly validMs: number
  /** How often the call may be made. */
  readonly uses: number
  /** Whether the approval is void once what is there now has changed. */
  readonly base: 'strict' | 'any'
  /** How long a call that runs long is held instead of refused; 0: it is refused. */
  readonly holdMs: number
}

/** One forbid that a review lifts. */
export interface ApprovalAsk {
  /** Id of the policy. */
  readonly policy: string
  readonly reason: string
  readonly rule: ApprovalRule
}
