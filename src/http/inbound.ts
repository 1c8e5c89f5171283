/**
 * Refuses heads of requests that Node's parser accepts and another reader could understand differently.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Refusal } from '../errors.ts'

const MAX_HEADERS = 100
/**
 * Of headers alone: the target has a limit and a code of its own, and Node's limit is for both together. Room for two of
 * the longest tokens (azure-ai-ml sends a second one as `x-azureml-token`) and 8 KB of all else.
 */
const MAX_HEADER_BYTES = 40_960

/** Headers that would change what the request is or who sends it. No client of Azure ML needs them. */
const REFUSED = new Map<string, string>([
  ['x-ms-authorization-auxiliary', 'it carries tokens of its own'],
  ['x-http-method-override', 'it overrides the method'],
  ['x-http-method', 'it overrides the method'],
  ['x-method-override', 'it overrides the method'],
  ['upgrade', 'protocol upgrades are not served'],
])

/**
 * Headers of which a second one would let two readers see two requests. They are those that are judged by their values,
 * too; of all others, only their characters and their length are.
 */
const ONCE = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'expect',
])

const ASCII = /^[\t\x20-\x7e]*$/

/** The parts of an incoming message that are judged here. */
export interface Inbound {
  readonly method: string
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

/**
 * Refuses ambiguity in a request's head (RFC 9112 sections 3.2, 6.1 and 6.3; RFC 9110 section 9.3.1).
 * @param hosts host names with ports that the gateway answers to, in lower case
 * @throws Refusal `bad_header`, `bad_host`, `misdirected_request`, `headers_too_large`, `bad_request`,
 *   `expectation_failed`, `unsupported_media_type`
 */
export function checkInbound(request: Inbound, hosts: ReadonlySet<string>): void {
  // Node's parser reads heads of 0.9 and 2.0 too
  if (request.httpVersion !== '1.1' && request.httpVersion !== '1.0')
    throw new Refusal('bad_request', 'only HTTP/1.1 and HTTP/1.0 are served')
  if (request.rawHeaders.length / 2 > MAX_HEADERS) {
    throw new Refusal('headers_too_large', `more than ${MAX_HEADERS} headers`)
  }
  const headers = new Map<string, string>()
  let bytes = 0
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? '').toLowerCase()
    const value = request.rawHeaders[i + 1] ?? ''
    bytes += name.length + value.length
    if (bytes > MAX_HEADER_BYTES) {
      throw new Refusal('headers_too_large', `headers of more than ${MAX_HEADER_BYTES} bytes`)
    }
    const why = REFUSED.get(name)
    if (why !== undefined) throw new Refusal('bad_header', `header "${name}" is refused: ${why}`)
    // CVE-2024-23324: readers differ on what such bytes mean
    if (!ASCII.test(value))
      throw new Refusal('bad_header', `header "${name}" holds bytes outside ASCII`)
    if (ONCE.has(name) && headers.has(name)) {
      throw new Refusal(
        name === 'host' ? 'bad_host' : 'bad_header',
        `header "${name}" is there twice`,
      )
    }
    if (!headers.has(name)) headers.set(name, value)
  }
  checkFraming(request, headers)
  checkContentType(request.method, headers.get('content-type'))
  if (!isServedExpectation(headers.get('expect')))
    throw new Refusal('expectation_failed', 'header "expect" may say 100-continue and nothing else')
  checkHost(headers.get('host'), hosts)
}

function checkFraming(request: Inbound, headers: ReadonlyMap<string, string>): void {
  const encoding = headers.get('transfer-encoding')
  if (encoding !== undefined) {
    // RFC 9112 section 6.1: a server that cannot decode a coding must not guess the framing
    if (encoding.toLowerCase() !== 'chunked')
      throw new Refusal('bad_header', 'only "chunked" is served as transfer-encoding')
    if (request.httpVersion === '1.0')
      throw new Refusal('bad_header', 'transfer-encoding in HTTP/1.0')
  }
  const length = headers.get('content-length')
  const hasBody = encoding !== undefined || (length !== undefined && length !== '0')
  if (hasBody && (request.method === 'GET' || request.method === 'HEAD')) {
    throw new Refusal('bad_request', `a ${request.method} with a body`)
  }
}

/** RFC 9110 section 8.3.1; parameters are for whoever reads the body. */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

function checkContentType(method: string, type: string | undefined): void {
  if (type === undefined || method === 'GET' || method === 'HEAD' || MEDIA_TYPE.test(type)) return
  throw new Refusal('unsupported_media_type', 'header "content-type" cannot be read')
}

/** RFC 9110 section 10.1.1 has one expectation: all others are 417, also those that only contain it. */
export function isServedExpectation(expect: string | undefined): boolean {
  return expect === undefined || expect.toLowerCase() === '100-continue'
}

function checkHost(host: string | undefined, hosts: ReadonlySet<string>): void {
  if (host === undefined || host === '') throw new Refusal('bad_host', 'header "host" is missing')
  if (!hosts.has(host.toLowerCase())) {
    throw new Refusal(
      'misdirected_request',
      'header "host" names a host that this gateway does not serve',
      {
        remedy: 'use the publicUrl of the configuration, or add the name to listen.hosts',
      },
    )
  }
}

/** What hangs on a connection: a WeakMap would be asked for each call. */
const REST = Symbol('rest')
const ACCEPTED = Symbol('accepted')

interface Judged extends Socket {
  /** Why its next requests are refused. */
  [REST]?: Refusal
  /** A head of it that passed. It has a token, which is kept no longer than the connection. */
  [ACCEPTED]?: Inbound
}

/** Requests after which their connection ends: those before them in the same packet still have answers to come. */
const last = new WeakSet<IncomingMessage>()

/** `checkInbound` of each request, which passes what a connection only repeats. */
export function createInboundCheck(hosts: ReadonlySet<string>): (raw: IncomingMessage) => void {
  return ({ socket, method = '', httpVersion, rawHeaders }) => {
    const judged: Judged = socket
    const head = { method, httpVersion, rawHeaders }
    if (judged[ACCEPTED] !== undefined && repeats(head, judged[ACCEPTED])) return
    checkInbound(head, hosts)
    judged[ACCEPTED] = head
  }
}

/** Whether a head is that which passed, but for its target and for values that nothing is told by: ids, tokens. */
function repeats({ method, httpVersion, rawHeaders }: Inbound, passed: Inbound): boolean {
  const known = passed.rawHeaders
  if (method !== passed.method || httpVersion !== passed.httpVersion) return false
  if (rawHeaders.length !== known.length) return false
  for (let at = 0; at < rawHeaders.length; at++) {
    const isSame = rawHeaders[at] === known[at]
    if (!isSame && (at % 2 === 0 || !mayDiffer(rawHeaders[at - 1], rawHeaders[at], known[at])))
      return false
  }
  return true
}

/** Whether a header is judged by its name alone, and has characters that pass and not more of them than what passed. */
function mayDiffer(name = '', value = '', passed = ''): boolean {
  return value.length <= passed.length && ASCII.test(value) && !ONCE.has(name.toLowerCase())
}

/** Whatever follows on this connection is refused, also what the parser has already taken for a request. */
export function refuseRest(socket: Judged, refusal: Refusal): void {
  socket[REST] = refusal
}

/**
 * Whatever follows an ambiguous head on its connection may be a part of its body, or of somebody else's request behind
 * a shared hop (RFC 9112 section 11.2): none of it is served.
 * @throws Refusal as `check` does
 */
export function checkConnection(raw: IncomingMessage, check: (raw: IncomingMessage) => void): void {
  const { [REST]: known }: Judged = raw.socket
  if (known !== undefined) {
    last.add(raw)
    throw known
  }
  try {
    check(raw)
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) {
      const text = 'the request before it on this connection was ambiguous'
      last.add(raw)
      refuseRest(raw.socket, new Refusal('bad_request', text))
    }
    throw error
  }
}

/** Whether the connection of a request must not be used again. */
export function isLast(raw: IncomingMessage): boolean {
  return last.has(raw)
}
