/**
 * Who is calling, as policy and audit know them.
 * @module
 */

/** `user`: a person. `service`: an application by its own credentials. `compute`: a managed identity. */
export type PrincipalKind = 'user' | 'service' | 'compute'

/**
 * A caller, keyed by issuer and immutable id. Never by e-mail, UPN or name, which their owners can change
 * (RFC 8725; Microsoft's claims validation guide). All ids below are prefixed by the issuer's configured
 * name, so that no claim of one issuer can ever name a principal, group or role of another.
 */
export interface Principal {
  readonly kind: PrincipalKind
  /** `<issuer name>/<tid>/<oid>` for Entra, `<issuer name>/<uid or cid>` for Okta, `<issuer name>/<sub>` for others. */
  readonly id: string
  /** The issuer's name in the configuration. */
  readonly issuer: string
  readonly tenant: string | null
  /** The client application that the token was issued to (`azp`, `appid`, `cid`, `client_id`). */
  readonly client: string | null
  /** `<issuer name>/<tid>/<group id>` or `<issuer name>/<group>`. */
  readonly groups: readonly string[]
  /** App roles, `<issuer name>/<role>`; `<issuer name>/<tid>/<role>` where many tenants share the issuer. */
  readonly roles: readonly string[]
  /** Delegated scopes, as the token has them. */
  readonly scopes: readonly string[]
  /** For compute: lower-cased ARM id of the Azure resource whose identity this is (`xms_mirid`), if the token tells. */
  readonly resourceId: string | null
  /** For compute: lower-cased ARM id of the workspace that `resourceId` is a part of. */
  readonly workspace: string | null
  /** Authentication methods (`amr`), if the token tells. */
  readonly methods: readonly string[]
  /** Seconds since the epoch: when the token was issued, when it ends, when its owner signed in. */
  readonly issuedAt: number
  readonly expiresAt: number
  readonly authenticatedAt: number | null
  /** The issuer's id for this very token (`uti`, `jti`): joins the issuer's own sign-in log. */
  readonly tokenId: string | null
  /** Whether the client says that it can answer a claims challenge (`xms_cc` has `cp1`). */
  readonly challengeable: boolean
  /** Ids of the grants that the caller holds at this moment: no token carries them. Absent for none. */
  readonly grants?: readonly string[]
}
