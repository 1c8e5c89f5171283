/**
 * Which configured issuer a token claims to be from: by its exact `iss`, never by a part of it.
 * @module
 */
import type { IssuerConfig } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { readString } from '../credential/claims.ts'
import { isMultiTenant, TENANT_MARKER } from '../discovery.ts'
import { isGuid } from '../../lib/guid.ts'
import type { Members } from '../../lib/strict-json.ts'
import { issuerFaults } from './faults.ts'
import type { MatchedIssuer } from './profiles/profile.ts'

/**
 * Checks the issuers against each other and returns the matcher.
 *
 * @throws Error naming the issuer that cannot be trusted as it is configured
 */
export function createIssuerMatcher(
  configs: readonly IssuerConfig[],
): (claims: Members) => MatchedIssuer | null {
  const [fault] = issuerFaults(configs)
  if (fault !== undefined) {
    const [index, ...path] = fault.path
    const name = configs[Number(index)]?.name ?? ''
    throw new Error(`issuer "${name}": ${path.join('.')} ${fault.message}`)
  }
  const exact = new Map(configs.map((config) => [config.issuer, config]))
  const templates = configs.filter(({ issuer }) => isMultiTenant(issuer))
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
