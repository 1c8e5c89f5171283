/**
 * Rules that a schema cannot express, since they compare keys of a configuration with each other.
 * @module
 */
import { auditFaults } from '../audit/faults.ts'
import { issuerFaults } from '../identity/issuers/faults.ts'
import { trustedFault } from '../http/proxies/trusted.ts'
import type { Config } from './schema/schema.ts'
import { sinkMembers } from './schema/sink-roles.ts'
import type { KeyPath } from './faults.ts'
import type { Finding } from './validate.ts'
import { didYouMean } from '../lib/suggest.ts'
import { isLoopback } from '../lib/http.ts'

const NAME = /^[a-z][a-z0-9-]{0,62}$/

/** Whether the file itself has a key, and not only its default. */
type IsStated = (path: KeyPath) => boolean

/** All contradictions in a configuration that fits the schema; empty if there is none. */
export function crossCheck(config: Config, isStated: IsStated): Finding[] {
  return [
    ...listenFindings(config),
    ...issuerFindings(config),
    ...identityFindings(config),
    ...auditFindings(config),
    ...urlFindings(config),
    ...heldFindings(config),
    ...limitFindings(config, isStated),
    ...approvalFindings(config),
    ...consoleFindings(config),
  ]
}

function listenFindings({ listen }: Config): Finding[] {
  const findings: Finding[] = []
  const plain = listen.dangerouslyPlainHttpBehindATlsTerminatingProxy === true
  if (listen.tls === undefined && !plain) {
    const message =
      'is missing; bearer tokens need TLS, or dangerouslyPlainHttpBehindATlsTerminatingProxy: true'
    findings.push({ path: ['listen', 'tls'], message })
  }
  if (listen.tls !== undefined && plain) {
    const path = ['listen', 'dangerouslyPlainHttpBehindATlsTerminatingProxy']
    findings.push({ path, message: 'contradicts listen.tls; keep one of the two' })
  }
  // the URL parser lower-cases hosts and drops default ports: only what it leaves alone compares byte for byte
  if (URL.canParse(listen.publicUrl) && new URL(listen.publicUrl).origin !== listen.publicUrl) {
    const message = `must be an origin as clients send it, ${JSON.stringify(new URL(listen.publicUrl).origin)}`
    findings.push({ path: ['listen', 'publicUrl'], message })
  }
  for (const [index, entry] of (listen.trustedProxies?.addresses ?? []).entries()) {
    const message = trustedFault(entry)
    if (message !== null)
      findings.push({ path: ['listen', 'trustedProxies', 'addresses', index], message })
  }
  if (listen.port !== 0 && listen.metrics?.port === listen.port) {
    findings.push({ path: ['listen', 'metrics', 'port'], message: 'is the same as listen.port' })
  }
  return findings
}

function issuerFindings({ issuers, identities }: Config): Finding[] {
  const findings: Finding[] = issuerFaults(issuers).map(({ path, message }) => ({
    path: ['issuers', ...path],
    message,
  }))
  for (const [index, { profile, cli }] of issuers.entries()) {
    if (cli?.storage === true && profile !== 'entra')
      findings.push({
        path: ['issuers', index, 'cli', 'storage'],
        message: 'is for Entra ID alone: no other issuer has tokens for Azure Storage',
      })
  }
  for (const [index, entry] of issuers.entries()) {
    if (entry.graph !== undefined) {
      findings.push(
        ...ownIdentity(identities, entry.graph.identity, ['issuers', index, 'graph', 'identity']),
      )
    }
  }
  return findings
}

function identityFindings({ identities }: Config): Finding[] {
  const findings: Finding[] = []
  for (const [name, identity] of Object.entries(identities)) {
    const path = ['identities', name]
    if (!NAME.test(name)) {
      findings.push({ path, message: `must be a lower-case name (pattern ${NAME.source})` })
    }
    if (identity.kind === 'on-behalf-of') {
      findings.push(...ownIdentity(identities, identity.federatedBy, [...path, 'federatedBy']))
    }
    // the token endpoint is sent the caller's token or a federated assertion
    if (
      identity.kind !== 'managed-identity' &&
      identity.authorityHost?.startsWith('http:') === true
    ) {
      findings.push({ path: [...path, 'authorityHost'], message: 'must be an https URL' })
    }
  }
  return findings
}

/** Something that acts without a caller at hand needs an identity of its own: on-behalf-of has none. */
function ownIdentity(identities: Config['identities'], name: string, path: KeyPath): Finding[] {
  const identity = Object.hasOwn(identities, name) ? identities[name] : undefined
  if (identity === undefined) {
    const near = didYouMean(name, Object.keys(identities))
    return [{ path, message: `names no entry of identities${near}` }]
  }
  if (identity.kind !== 'on-behalf-of') return []
  return [{ path, message: 'must not be of kind on-behalf-of: there is no caller to act for' }]
}

function auditFindings({ audit, identities }: Config): Finding[] {
  const findings: Finding[] = auditFaults(audit).map(({ path, message }) => ({
    path: ['audit', ...path],
    message,
  }))
  for (const [index, sink] of audit.sinks.entries()) {
    for (const [member, identity] of sinkMembers(sink, 'identity')) {
      findings.push(...ownIdentity(identities, identity, ['audit', 'sinks', index, member]))
    }
  }
  if (audit.search !== undefined)
    findings.push(
      ...ownIdentity(identities, audit.search.identity, ['audit', 'search', 'identity']),
    )
  return findings
}

/** Plain http carries keys, tokens and records in the clear: for development on this machine only. */
function urlFindings({ cloud, audit }: Config): Finding[] {
  const urls: [KeyPath, string | undefined][] = [
    [['cloud', 'resourceManager'], cloud.resourceManager],
    [['cloud', 'dataPlane'], cloud.dataPlane],
    [['cloud', 'scoring'], cloud.scoring],
    [['audit', 'search', 'endpoint'], audit.search?.endpoint],
  ]
  for (const [index, sink] of audit.sinks.entries()) {
    for (const [member, url] of sinkMembers(sink, 'url')) {
      urls.push([['audit', 'sinks', index, member], url])
    }
  }
  return urls
    .filter(([, url]) => url !== undefined && isPlainHttpElsewhere(url))
    .map(([path]) => ({
      path,
      message: 'must be https; plain http is for loopback addresses only',
    }))
}

function isPlainHttpElsewhere(url: string): boolean {
  if (!url.startsWith('http:')) return false
  // templates such as {region} are no part of a loopback address
  if (!URL.canParse(url)) return true
  return !isLoopback(new URL(url).hostname)
}

/** What one call may take fits into what its caller may, and that into what all may. */
function heldFindings({ limits }: Config): Finding[] {
  const findings: Finding[] = []
  const { bodyBytes, answerBytes, heldBytesPerPrincipal, heldBytes } = limits
  for (const [name, bytes] of Object.entries({ bodyBytes, answerBytes })) {
    if (bytes <= heldBytesPerPrincipal) continue
    const message = `must not be above heldBytesPerPrincipal, ${heldBytesPerPrincipal}`
    findings.push({ path: ['limits', name], message })
  }
  if (heldBytesPerPrincipal > heldBytes) {
    const message = `must not be above heldBytes, ${heldBytes}`
    findings.push({ path: ['limits', 'heldBytesPerPrincipal'], message })
  }
  return findings
}

/** A time-out that is stated alone is no contradiction: the server takes the longer one for whole requests. */
function limitFindings({ limits }: Config, isStated: IsStated): Finding[] {
  const headers = ['limits', 'headersTimeoutMs']
  const bothStated = isStated(headers) && isStated(['limits', 'requestTimeoutMs'])
  if (!bothStated || limits.headersTimeoutMs <= limits.requestTimeoutMs) return []
  return [{ path: headers, message: 'must not be above requestTimeoutMs' }]
}

/** Notices name their channel. */
function approvalFindings({ approvals, identities }: Config): Finding[] {
  const ledger = approvals?.ledger ?? null
  const used = [
    ...(approvals?.keys ?? []).flatMap((key, index) =>
      'keyVault' in key
        ? [{ name: key.identity, path: ['approvals', 'keys', index, 'identity'] }]
        : [],
    ),
    ...(ledger !== null && 'container' in ledger
      ? [{ name: ledger.identity, path: ['approvals', 'ledger', 'identity'] }]
      : []),
  ]
  const channels = approvals?.notify ?? []
  const ticket = approvals?.ticket ?? ''
  const faults = isRegularExpression(ticket)
    ? []
    : [{ path: ['approvals', 'ticket'], message: 'is no regular expression' }]
  const ofChannels = channels.flatMap(({ name, kind, signingKey }, index): Finding[] => {
    const path = ['approvals', 'notify', String(index)]
    const twice = channels.findIndex((one) => one.name === name) < index
    return [
      ...(twice ? [{ path: [...path, 'name'], message: 'is the name of another channel' }] : []),
      ...(signingKey !== undefined && kind !== 'webhook'
        ? [{ path: [...path, 'signingKey'], message: 'is for channels of the kind webhook' }]
        : []),
    ]
  })
  const ofIdentities = used.flatMap(({ name, path }) => ownIdentity(identities, name, path))
  return [...faults, ...ofChannels, ...ofIdentities]
}

/** Somebody has to be able to sign in. */
function consoleFindings({ console, issuers, identities }: Config): Finding[] {
  const withConsole = issuers.flatMap((one, index) =>
    one.console === undefined ? [] : [{ index, authentication: one.console.authentication }],
  )
  if (console === undefined)
    return withConsole.map(({ index }) => ({
      path: ['issuers', index, 'console'],
      message: 'needs "console", which says that there are pages to sign in to',
    }))
  const none = { path: ['console'], message: 'needs an issuer with "console" to sign in at' }
  return [
    ...(withConsole.length === 0 ? [none] : []),
    ...withConsole.flatMap(({ index, authentication }) =>
      'federatedBy' in authentication
        ? ownIdentity(identities, authentication.federatedBy, [
            'issuers',
            index,
            'console',
            'authentication',
            'federatedBy',
          ])
        : [],
    ),
  ]
}

function isRegularExpression(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}
