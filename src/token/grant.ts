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
  readonly #authorization: string

  /** @param authorization the value of the upstream `Authorization` header, the same string for all grants of one token */
  constructor(identity: GrantedIdentity, authorization: string) {
    this.identity = identity
    this.#authorization = authorization
  }

  /** The value of the upstream `Authorization` header. */
  authorization(): string {
    return this.#authorization
  }
}

/** Made from a permit only; `forward` takes nothing else. */
export class Grant extends ReadGrant {
  readonly permit: Permit

  constructor(permit: Permit, identity: GrantedIdentity, authorization: string) {
    super(identity, authorization)
    this.permit = permit
  }
}

/** Grants to ask Azure in the place of one call, by the scope of their tokens. */
export type GrantFor = (scope: string) => Pending<ReadGrant>
