/**
 * `X-Forwarded-For` of trusted proxies: the address that the last of them saw.
 *
 * Each proxy appends whom it was called by. What stands to the left of the first address that is no trusted proxy was
 * sent by the client, and is not looked at.
 * @module
 */
import type { IncomingMessage, Server } from 'node:http'
import { isIP } from 'node:net'
import { Refusal } from '../../errors.ts'
import { hopOf, stateSource, type Source } from '../source.ts'

const NAME = 'x-forwarded-for'
/** `192.0.2.7:1234`, as Azure's application gateway writes it, and `[2001:db8::1]:1234`. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([0-9a-f:.]+)\])(?::(\d{1,5}))?$/i

/** On a request of which a trusted proxy said something that cannot be understood. */
const MALFORMED = Symbol('malformed')

interface Forwarded extends IncomingMessage {
  [MALFORMED]?: true
}

/**
 * Says of each request of a trusted proxy where it comes from, before anybody else sees it.
 * @throws nothing: see `checkForwarded`
 */
export function readForwarded(server: Server, isTrusted: (address: string) => boolean): void {
  const read = (request: Forwarded): void => {
    const hop = hopOf(request.socket)
    if (!isTrusted(hop.ip)) return
    const source = sourceIn(request.rawHeaders, isTrusted)
    if (source === 'malformed') request[MALFORMED] = true
    else if (source !== null) stateSource(request, source)
  }
  for (const event of ['request', 'checkContinue', 'checkExpectation'])
    server.prependListener(event, read)
}

/** @throws Refusal if a trusted proxy said something of the client that cannot be understood */
export function checkForwarded(request: Forwarded): void {
  if (request[MALFORMED] === true)
    throw new Refusal('bad_header', `header "${NAME}" does not end in an address`)
}

/** Null if the header is not there: the proxy's own request. */
function sourceIn(
  rawHeaders: readonly string[],
  isTrusted: (address: string) => boolean,
): Source | 'malformed' | null {
  const values = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === NAME,
  )
  if (values.length === 0) return null
  let last: Source | 'malformed' = 'malformed'
  for (const entry of values.join(',').split(',').toReversed()) {
    last = addressIn(entry.trim())
    if (last === 'malformed' || !isTrusted(last.ip)) return last
  }
  return last
}

function addressIn(entry: string): Source | 'malformed' {
  if (isIP(entry) !== 0 && !entry.includes('%')) return { ip: entry, port: 0 }
  const [, v4, v6, port = '0'] = WITH_PORT.exec(entry) ?? []
  const ip = v4 ?? v6 ?? ''
  if (isIP(ip) !== (v4 === undefined ? 6 : 4) || Number(port) > 65_535) return 'malformed'
  return { ip, port: Number(port) }
}
