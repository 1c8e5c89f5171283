/**
 * The head of a request to Azure as HTTP/1.1 has it (RFC 9112). Nothing is repaired: a line break in a value, for one, would
 * begin another request in the name of the gateway.
 * @module
 */
import { errors } from 'undici'
import { isFieldName, isFieldValue } from './header-field.ts'

/** What a head is made of. */
export interface RequestHead {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Names in lower case and values in turn. */
  readonly headers: readonly string[]
}

const METHOD = /^[A-Z]{1,32}$/
const PATH = /^\/[\u0021-\u00ff]*$/
/** Methods whose requests always say a length: some servers wait for one. */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** Headers that only the connection may set. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'transfer-encoding',
])

/**
 * Whether the connection ends with the answer: some servers send a body after the head that a HEAD asks for, and some do
 * not read the body of a method that has no meaning for one, and would take it for the next request.
 */
export const isLastOf = (method: string, bodyBytes: number | null): boolean =>
  method === 'HEAD' || (bodyBytes !== null && bodyBytes > 0 && !WITH_BODY.has(method))

/**
 * @param host of the origin, with its port if it is not the scheme's own
 * @param bodyBytes of the body that follows; null for none
 * @param isLast as `isLastOf` has it
 * @returns latin1
 * @throws undici's `InvalidArgumentError`; it names what is wrong and no value
 */
export function requestHead(
  host: string,
  { method, path, headers }: RequestHead,
  bodyBytes: number | null,
  isLast: boolean,
): string {
  if (!METHOD.test(method)) throw invalid('the method is not valid')
  if (!PATH.test(path)) throw invalid('the path is not valid')
  const connection = isLast ? 'close' : 'keep-alive'
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${connection}\r\n`
  const length = String(bodyBytes ?? 0)
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]]
    if (!isFieldName(name) || OF_THE_CONNECTION.has(name))
      throw invalid('the name of a header is not valid, or is one that only the connection may set')
    if (!isFieldValue(value))
      throw invalid(`the header ${name} has characters that are not allowed`)
    // it is written below, as long as the body is
    if (name !== 'content-length') head += `${name}: ${value}\r\n`
    else if (value !== length) throw invalid('content-length is not the length of the body')
  }
  // RFC 9110 section 8.6: without a body there is a length only where the method has a meaning for one
  if (bodyBytes !== null || WITH_BODY.has(method)) head += `content-length: ${length}\r\n`
  return `${head}\r\n`
}

const invalid = (what: string): Error => new errors.InvalidArgumentError(what)
