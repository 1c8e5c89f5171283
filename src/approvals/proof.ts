/**
 * Proof that others have reviewed one change, and that one of its uses has been taken: the only thing that makes a permit
 * of a decision that waits for a review.
 * @module
 */

/** What was proved. */
export interface Proved {
  /** Id of the review. */
  readonly review: string
  /** Which of its uses was taken, counted from 1. */
  readonly use: number
  /** Policies whose reviews it has. */
  readonly policies: readonly string[]
  /** The caller who may make the call. */
  readonly author: string
  /** Ids of those who approved. */
  readonly reviewers: readonly string[]
}

class ApprovalProof implements Proved {
  readonly #minted = true
  readonly review: string
  readonly use: number
  readonly policies: readonly string[]
  readonly author: string
  readonly reviewers: readonly string[]

  constructor({ review, use, policies, author, reviewers }: Proved) {
    this.review = review
    this.use = use
    this.policies = policies
    this.author = author
    this.reviewers = reviewers
  }

  /** Private names make the type nominal: no object literal can pass for a proof. */
  static isProof(value: unknown): value is ApprovalProof {
    return typeof value === 'object' && value !== null && #minted in value && value.#minted
  }
}

export type { ApprovalProof }

/** Only release.ts calls it, once signatures, counts, times and the single use hold: test/architecture.test.ts says so. */
export function prove(proved: Proved): ApprovalProof {
  return new ApprovalProof(proved)
}
