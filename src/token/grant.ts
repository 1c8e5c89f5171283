/**
 * A grant: a permit together with the managed identity's token that carries it out.
 * @module
 */
import type { Pending } from '../lib/pending.ts'
import type { Permit } from '../policy/decide.ts'

/** A managed identity as records name it; `objectId` is that of its token: what Azure's own logs call the caller. */
export interface GrantedIdentity {
  readonly name: string
  readonly clientId: string | null
  readonly objectId: string | null
}

/** Made from a permit only; `forward` takes nothing else. The token appears in no property that prints. */
export class Grant {
  readonly permit: Permit
  readonly identity: GrantedIdentity
  readonly #token: string

  constructor(permit: Permit, identity: GrantedIdentity, token: string) {
    this.permit = permit
    this.identity = identity
    this.#token = token
  }

  /** The value of the upstream `Authorization` header. */
  authorization(): string {
    return `Bearer ${this.#token}`
  }
}

/** Grants of one permit, by the scope of their tokens. */
export type GrantFor = (scope: string) => Pending<Grant>
