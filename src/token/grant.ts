/**
 * A grant: a permit together with the managed identity's token that carries it out.
 * @module
 */
import type { Permit } from '../policy/decide.ts'

/** Made from a permit only; `forward` takes nothing else. The token appears in no property that prints. */
export class Grant {
  readonly permit: Permit
  /** Name and client id of the managed identity. */
  readonly identity: { readonly name: string; readonly clientId: string | null }
  readonly #token: string

  constructor(permit: Permit, identity: { name: string; clientId: string | null }, token: string) {
    this.permit = permit
    this.identity = identity
    this.#token = token
  }

  /** The value of the upstream `Authorization` header. */
  authorization(): string {
    return `Bearer ${this.#token}`
  }
}
