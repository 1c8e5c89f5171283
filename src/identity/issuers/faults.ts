/**
 * The rules that the configuration of issuers must keep: checked with the configuration, and again before an issuer
 * is trusted.
 * @module
 */
import type { IssuerConfig } from '../../config/schema/schema.ts'
import { isSafeUrl } from '../../lib/http.ts'
import { PROFILE_NAMES } from '../../vocabulary/profiles.ts'
import { isGuid } from '../../lib/guid.ts'
import { isMultiTenant, TENANT_MARKER } from '../discovery.ts'
import type { IssuerFault, Profile } from './profiles/profile.ts'
import { PROFILES } from './profiles/profiles.ts'

/** All faults, each with its path below the list; empty if every issuer can be trusted as it is configured. */
export function issuerFaults(issuers: readonly IssuerConfig[]): readonly IssuerFault[] {
  return issuers.flatMap((config, index) =>
    [...duplicateFaults(issuers, index), ...urlFaults(config), ...profileFaults(config)].map(
      ({ path, message }) => ({ path: [index, ...path], message }),
    ),
  )
}

function duplicateFaults(issuers: readonly IssuerConfig[], index: number): IssuerFault[] {
  const keys = ['name', 'issuer'] as const
  return keys.flatMap((key) => {
    const first = issuers.findIndex((other) => other[key] === issuers[index]?.[key])
    return first === index
      ? []
      : [{ path: [key], message: `is the same as issuers[${first}].${key}` }]
  })
}

function urlFaults(config: IssuerConfig): IssuerFault[] {
  const urls: readonly (readonly [IssuerFault['path'], string | undefined])[] = [
    [['issuer'], withoutMarker(config)],
    [['jwksUri'], config.jwksUri],
    [['introspection', 'endpoint'], config.introspection?.endpoint],
    [['graph', 'endpoint'], config.graph?.endpoint],
  ]
  return urls
    .filter(([, url]) => url !== undefined && !isSafeUrl(url))
    .map(([path]) => ({
      path,
      message: 'must be https; plain http is for loopback addresses only',
    }))
}

function profileFaults(config: IssuerConfig): IssuerFault[] {
  const profile = PROFILES[config.profile]
  const faults: IssuerFault[] = []
  const refuse = (key: keyof IssuerConfig, message: string): void => {
    faults.push({ path: [key], message })
  }
  if (isMultiTenant(config.issuer)) {
    if (!profile.supports.tenants) {
      refuse('issuer', `may have ${TENANT_MARKER} with profile ${supporters('tenants')} only`)
    }
    // whoever can create a tenant could otherwise make principals
    if (config.tenants === undefined) {
      refuse(
        'tenants',
        'is missing; a multi-tenant issuer accepts the tenants listed here and no others',
      )
    }
  } else if (config.tenants !== undefined) {
    refuse('tenants', `has a meaning only if issuer has ${TENANT_MARKER} in place of the tenant`)
  }
  for (const [at, tenant] of (config.tenants ?? []).entries()) {
    if (!isGuid(tenant)) faults.push({ path: ['tenants', at], message: 'must be a GUID' })
  }
  for (const key of ['introspection', 'graph'] as const) {
    if (config[key] !== undefined && !profile.supports[key]) {
      refuse(key, `has a meaning with profile ${supporters(key)} only`)
    }
  }
  // the rules of a profile read the issuer as a URL
  return isSafeUrl(withoutMarker(config)) ? [...faults, ...profile.configFaults(config)] : faults
}

function withoutMarker({ issuer }: IssuerConfig): string {
  return issuer.replace(TENANT_MARKER, 'x')
}

function supporters(part: keyof Profile['supports']): string {
  return PROFILE_NAMES.filter((name) => PROFILES[name].supports[part]).join(' or ')
}
