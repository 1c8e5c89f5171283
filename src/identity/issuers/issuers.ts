/**
 * Which configured issuer a token claims to be from: by its exact `iss`, never by a part of it.
 * @module
 */
import type { IssuerConfig } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { readString } from '../credential/claims.ts'
import { TENANT_MARKER } from '../discovery.ts'
import { isSafeUrl } from '../../lib/http.ts'
import type { Members } from '../../lib/strict-json.ts'
import { isGuid } from '../../lib/guid.ts'

/** A token's `iss`, matched. */
export interface MatchedIssuer {
  readonly config: IssuerConfig
  /** The exact `iss` that this token must have. */
  readonly iss: string
  /** The tenant that a multi-tenant `iss` names, lower case; null for an issuer that is one tenant's. */
  readonly tenant: string | null
}

/** Whether `config` stands for many Entra tenants. */
export function isMultiTenant(config: IssuerConfig): boolean {
  return config.issuer.includes(TENANT_MARKER)
}

/** The tenant that an Entra `iss` names, lower case; null if it names none or several. */
export function tenantOf(iss: string): string | null {
  const [tenant, ...others] = new URL(iss).pathname.split('/').filter(isGuid)
  return tenant === undefined || others.length > 0 ? null : tenant.toLowerCase()
}

/** Whether `config` is an Okta organisation server, whose tokens nobody but Okta may validate. */
export function isOktaOrganisation(config: IssuerConfig): boolean {
  return config.profile === 'okta' && new URL(config.issuer).pathname === '/'
}

/**
 * Checks the issuers against each other and returns the matcher.
 *
 * @throws Error naming the issuer that cannot be trusted as it is configured
 */
export function createIssuerMatcher(
  configs: readonly IssuerConfig[],
): (claims: Members) => MatchedIssuer | null {
  const names = new Set<string>()
  const exact = new Map<string, IssuerConfig>()
  const templates: IssuerConfig[] = []
  for (const config of configs) {
    const fault = findFault(config)
    if (fault !== null) throw new Error(`issuer "${config.name}": ${fault}`)
    if (names.has(config.name)) throw new Error(`issuer "${config.name}": the name is there twice`)
    if (exact.has(config.issuer)) throw new Error(`issuer "${config.name}": its iss is there twice`)
    names.add(config.name)
    exact.set(config.issuer, config)
    if (isMultiTenant(config)) templates.push(config)
  }
  return (claims) => {
    const iss = readString(claims, 'iss')
    if (iss === null || iss.includes(TENANT_MARKER)) return null
    const config = exact.get(iss)
    return config === undefined ? matchTemplate(templates, iss) : { config, iss, tenant: null }
  }
}

function matchTemplate(templates: readonly IssuerConfig[], iss: string): MatchedIssuer | null {
  for (const config of templates) {
    const [head = '', tail = ''] = config.issuer.split(TENANT_MARKER)
    if (!iss.startsWith(head) || !iss.endsWith(tail)) continue
    const tenant = iss.slice(head.length, iss.length - tail.length)
    if (!isGuid(tenant) || head + tenant + tail !== iss) continue
    const lower = tenant.toLowerCase()
    if (config.tenants?.some((one) => one.toLowerCase() === lower) !== true) {
      throw new Refusal('unknown_issuer', 'the token’s tenant is not accepted')
    }
    return { config, iss, tenant: lower }
  }
  return null
}

function findFault(config: IssuerConfig): string | null {
  if (!isSafeUrl(config.issuer.replace(TENANT_MARKER, 'x'))) {
    return 'its iss must be https (http is for this machine alone)'
  }
  for (const url of [config.jwksUri, config.graph?.endpoint, config.introspection?.endpoint]) {
    if (url !== undefined && !isSafeUrl(url)) {
      return 'its urls must be https (http is for this machine alone)'
    }
  }
  if (config.profile === 'entra' && !isMultiTenant(config) && tenantOf(config.issuer) === null) {
    return 'its iss names no tenant by id'
  }
  if (isMultiTenant(config)) {
    if (config.profile !== 'entra') return '{tenantid} is for Entra'
    // Whoever can create a tenant could otherwise make principals
    if (config.tenants === undefined) return '{tenantid} needs the list of accepted tenants'
  }
  if (config.profile === 'entra' && config.introspection !== undefined) {
    return 'Entra has no introspection'
  }
  if (config.profile !== 'entra' && config.graph !== undefined) return 'Graph is for Entra'
  if (isOktaOrganisation(config) && config.introspection === undefined) {
    return 'the tokens of an Okta organisation server can only be introspected: configure that, or a custom authorization server'
  }
  return null
}
