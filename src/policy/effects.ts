/**
 * What a permit brings along besides "yes": the annotations of the policies that permitted.
 * @module
 */

/** Resolved effects of one decision. */
export interface Effects {
  /** `@identity`: name of the managed identity, in the configuration's `identities`. */
  readonly identity: string
  /** `@pin`: replace `@latest` and labels by the version that they mean now. */
  readonly pin: boolean
  /** `@stamp`: add tags that name principal, policy version and parameter digest. */
  readonly stamp: boolean
  /** `@redact`: remove secret fields from the answer. */
  readonly redact: boolean
  /** `@record("body")`: keep the body's allow-listed fields in the record. */
  readonly recordBody: boolean
}
