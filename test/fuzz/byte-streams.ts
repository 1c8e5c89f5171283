/**
 * Streams of bytes as one connection can bring them: good requests, refused ones, and what is none, in any order and cut
 * anywhere; and what a reader of RFC 9112 expects of each.
 * @module
 */
import * as fc from 'fast-check'
import { workspaceId } from '../../lab/personas.ts'

/** What a piece is to whoever reads the stream. */
export interface Piece {
  readonly kind: keyof typeof PIECES
}

/** A stream before it is written for one gateway. */
export interface Stream {
  readonly pieces: readonly Piece[]
  /** Where it is cut, each a share of the whole in thousandths, and the milliseconds between two parts. */
  readonly cuts: readonly number[]
  readonly pauseMs: number
  /** `wait`: until the gateway has answered or closed; `fin` and `rst`: the peer goes at once. */
  readonly ends: 'wait' | 'fin' | 'rst'
  /** Without TLS on a port that speaks TLS. */
  readonly plain: boolean
}

/** What of the surroundings goes into the bytes. */
export interface Around {
  readonly host: string
  readonly token: string
}

interface Form {
  readonly method: string
  /** `forwarded`: served, and seen by Azure. `refused`: answered, and the connection goes on. `breaks`: nothing after it is served. */
  readonly is: 'forwarded' | 'refused' | 'breaks'
  readonly bytes: (name: string, around: Around) => string
}

const W = workspaceId()
const VERSION = 'api-version=2024-04-01'
const BODY = '{"properties":{"jobType":"Command"}}'
const JSON_TYPE = 'Content-Type: application/json'
const job = (name: string): string => `${W}/jobs/${name}?${VERSION}`

function head(line: string, { host, token }: Around, ...lines: readonly string[]): string {
  return (
    [`${line} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, ...lines].join('\r\n') +
    '\r\n\r\n'
  )
}
const chunked = (text: string): string =>
  `${text.length.toString(16)};a=b\r\n${text}\r\n0\r\nX: y\r\n\r\n`
const put = (name: string, around: Around, ...lines: readonly string[]): string =>
  head(`PUT ${job(name)}`, around, JSON_TYPE, ...lines)
const of = (method: string, is: Form['is'], bytes: Form['bytes']): Form => ({ method, is, bytes })

export const PIECES = {
  read: of('GET', 'forwarded', (name, a) => head(`GET ${job(name)}`, a)),
  head: of('HEAD', 'forwarded', (name, a) => head(`HEAD ${job(name)}`, a)),
  remove: of('DELETE', 'forwarded', (name, a) => head(`DELETE ${job(name)}`, a)),
  write: of('PUT', 'forwarded', (name, a) => put(name, a, `Content-Length: ${BODY.length}`) + BODY),
  chunks: of('PUT', 'forwarded', (name, a) => put(name, a, 'Transfer-Encoding: chunked') + chunked(BODY)),
  anonymous: of('GET', 'refused', (name, { host }) => `GET ${job(name)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  elsewhere: of('GET', 'refused', (name, a) => head(`GET ${job(name).replace('ws-lab', 'ws-other')}`, a)),
  unknown: of('GET', 'refused', (name, a) => head(`GET /${name}`, a)),
  climbing: of('GET', 'refused', (name, a) => head(`GET ${W}/jobs/../${name}`, a)),
  'no JSON': of('PUT', 'refused', (name, a) => `${put(name, a, 'Content-Length: 3')}{ax`),
  options: of('OPTIONS', 'refused', (name, a) => head(`OPTIONS ${job(name)}`, a)),
  query: of('QUERY', 'refused', (name, a) => head(`QUERY ${job(name)}`, a)),
  garbage: of('', 'breaks', (name) => `NONSENSE ${name}\r\n\r\n`),
  connect: of('', 'breaks', (name, a) => head(`CONNECT ${name}:443`, a)),
  'two lengths': of('', 'breaks', (name, a) => `${put(name, a, 'Content-Length: 0', 'Content-Length: 1')}x`),
  'length and chunks': of('', 'breaks', (name, a) => put(name, a, 'Content-Length: 5', 'Transfer-Encoding: chunked') + chunked(BODY)),
  'other coding': of('', 'breaks', (name, a) => put(name, a, 'Transfer-Encoding: gzip, chunked') + chunked(BODY)),
  'bad chunk': of('', 'breaks', (name, a) => `${put(name, a, 'Transfer-Encoding: chunked')}zz\r\n{}\r\n0\r\n\r\n`),
  'a GET with a body': of('', 'breaks', (name, a) => `${head(`GET ${job(name)}`, a, 'Content-Length: 2')}{}`),
  'a name with a space': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a, 'X : y')),
  'a folded line': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a, 'X: y\r\n z')),
  'line feeds': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a).replaceAll('\r\n', '\n')),
  'two hosts': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a, 'Host: x')),
  'an expectation': of('', 'breaks', (name, a) => `${put(name, a, 'Content-Length: 2', 'Expect: tea')}{}`),
  'large headers': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a, `X: ${'x'.repeat(60_000)}`)),
  'an upgrade': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a, 'Upgrade: websocket', 'Connection: Upgrade')),
  'one byte too many': of('', 'breaks', () => '}'),
  'half a body': of('', 'breaks', (name, a) => `${put(name, a, 'Content-Length: 99999')}{`),
  'half a head': of('', 'breaks', (name, a) => head(`GET ${job(name)}`, a).slice(0, -3)),
  'HTTP/0.9': of('', 'breaks', (name) => `GET ${job(name)}\r\n`),
  'HTTP/2': of('', 'breaks', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
} satisfies Readonly<Record<string, Form>> // prettier-ignore

const kinds = Object.keys(PIECES) as Piece['kind'][]
const isGood = (kind: Piece['kind']): boolean => PIECES[kind].is !== 'breaks'
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...kinds.filter(isGood)) },
  { weight: 1, arbitrary: fc.constantFrom(...kinds.filter((kind) => !isGood(kind))) },
)

export const stream: fc.Arbitrary<Stream> = fc.record({
  pieces: fc.array(
    piece.map((kind) => ({ kind })),
    { minLength: 1, maxLength: 6 },
  ),
  cuts: fc.array(fc.nat(999), { maxLength: 5 }),
  pauseMs: fc.nat(3),
  ends: fc.oneof(
    { weight: 6, arbitrary: fc.constant('wait' as const) },
    { weight: 1, arbitrary: fc.constantFrom('fin' as const, 'rst' as const) },
  ),
  plain: fc.oneof(
    { weight: 15, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
})

/** The stream's bytes; the request of piece `at` is about the thing called `name(at)`. */
export function bytesOf({ pieces }: Stream, name: (at: number) => string, around: Around): Buffer {
  return Buffer.from(pieces.map(({ kind }, at) => PIECES[kind].bytes(name(at), around)).join(''))
}

/** The parts in which it is written. */
export function partsOf(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const ends = cuts.map((cut) => Math.floor((cut * bytes.length) / 1_000)).toSorted((a, b) => a - b)
  const parts: Buffer[] = []
  let from = 0
  for (const end of [...ends, bytes.length]) {
    if (end > from) parts.push(bytes.subarray(from, end))
    from = end
  }
  return parts
}

/** One answer as it came. */
export interface StreamAnswer {
  readonly status: number
  readonly id: string
}

const HEAD = /^HTTP\/1\.1 (\d{3})(?: [^\r\n]*)?\r\n((?:[!#$%&'*+.^_`|~\w-]+:[^\r\n]*\r\n)*)\r\n/
const CHUNK = /^([\da-f]+)\r\n/i

/**
 * All answers on a connection, in order.
 * @param methods of the requests, as far as they are known
 * @param whole how many of them cannot have been cut: the last words of a connection may be a guess at its method
 * @throws {Error} for bytes that are no answer
 */
export function answersIn(
  text: string,
  methods: readonly string[],
  whole: number,
): readonly StreamAnswer[] {
  const found: StreamAnswer[] = []
  let rest = text
  while (rest !== '') {
    const [all, status = '', lines = ''] = HEAD.exec(rest) ?? []
    if (all === undefined) {
      if (found.length >= whole && !rest.includes('\r\n\r\n')) return found
      throw new Error(`no answer: ${JSON.stringify(rest.slice(0, 80))}`)
    }
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}: *([^\\r]*)`, 'im').exec(lines)?.[1]
    const hasBody = methods[found.length] !== 'HEAD' && !/^(?:1..|204|304)$/.test(status)
    const end = hasBody ? bodyEnd(rest, all.length, field) : all.length
    if (end === null) {
      if (found.length < whole)
        throw new Error(`an answer that breaks off: ${JSON.stringify(all.slice(0, 80))}`)
    }
    if (!status.startsWith('1'))
      found.push({ status: Number(status), id: field('x-harness-decision-id') ?? '' })
    if (end === null) return found
    rest = rest.slice(end)
  }
  return found
}

function bodyEnd(
  text: string,
  from: number,
  field: (name: string) => string | undefined,
): number | null {
  if (field('transfer-encoding') !== 'chunked') {
    const length = field('content-length')
    if (length === undefined) throw new Error('an answer without a length')
    return from + Number(length) <= text.length ? from + Number(length) : null
  }
  let at = from
  for (;;) {
    const [line, size] = CHUNK.exec(text.slice(at, at + 20)) ?? []
    if (line === undefined || size === undefined) return null
    at += line.length + Number.parseInt(size, 16) + 2
    if (at > text.length) return null
    if (Number.parseInt(size, 16) === 0) return at
  }
}
