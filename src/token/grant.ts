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

/**
 * A managed identity's token under which Azure is asked what a call is to be judged by, before it is permitted. The token
 * appears in no property that prints.
 */
export class ReadGrant {
  readonly identity: GrantedIdentity
  readonly #token: string

  constructor(identity: GrantedIdentity, token: string) {
    this.identity = identity
    this.#token = token
  }

  /** The value of the upstream `Authorization` header. */
  authorization(): string {
    return `Bearer ${this.#token}`
  }
}

/** Made from a permit only; `forward` takes nothing else. */
export class Grant extends ReadGrant {
  readonly permit: Permit

  constructor(permit: Permit, identity: GrantedIdentity, token: string) {
    super(identity, token)
    this.permit = permit
  }
}

/** Grants to ask Azure in the place of one call, by the scope of their tokens. */
export type GrantFor = (scope: string) => Pending<ReadGrant>
