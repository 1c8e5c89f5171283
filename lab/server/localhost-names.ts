/**
 * Names under `localhost` lead to this machine (RFC 6761, section 6.3), also where the resolver does not know it.
 *
 * The lab's gateway is started with `--import` of this file: endpoints have host names of their own, as in Azure.
 * @module
 */
import dns from 'node:dns'

const lookup = dns.lookup.bind(dns) as (...args: unknown[]) => void

function lookupHere(host: unknown, ...rest: unknown[]): void {
  const here = typeof host === 'string' && host.toLowerCase().endsWith('.localhost')
  lookup(here ? 'localhost' : host, ...rest)
}

Object.assign(dns, { lookup: lookupHere })
