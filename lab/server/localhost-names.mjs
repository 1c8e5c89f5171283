/**
 * Names under `localhost` lead to this machine (RFC 6761, section 6.3), also where the resolver does not know it.
 *
 * The lab's gateway is started with `--import` of this file: endpoints have host names of their own, as in Azure. It has no
 * types, so that Node need not load what strips them: that alone takes 30 MB, which would be measured as the gateway's.
 * @module
 */
import dns from 'node:dns'

const lookup = dns.lookup.bind(dns)

/** @type {(host: unknown, ...rest: never) => void} */
function lookupHere(host, ...rest) {
  const here = typeof host === 'string' && host.toLowerCase().endsWith('.localhost')
  lookup(here ? 'localhost' : host, ...rest)
}

Object.assign(dns, { lookup: lookupHere })
