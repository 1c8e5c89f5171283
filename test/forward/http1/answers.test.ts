/**
 * Answers as servers write them, valid and not: what the gateway's own connections make of each is what undici makes of it,
 * however the bytes arrive. Where they differ on purpose, the table says how.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { ask, connectionsFor, Keeper, rawServer, type Outcome } from './support/raw-server.ts'

interface Case {
  readonly bytes: string
  readonly method?: 'HEAD'
  /** The server ends the connection after it. */
  readonly ends?: true
  /** What the gateway makes of it where that is not what undici does, and why. */
  readonly own?: { readonly is: 'refused' | 'answered'; readonly why: string }
}

const OK = 'HTTP/1.1 200 OK\r\n'
const TEN = 'content-length: 10\r\n'
const CHUNKED = 'transfer-encoding: chunked\r\n'

const CASES: Readonly<Record<string, Case>> = {
  'a body with a length': { bytes: `${OK}${TEN}\r\n0123456789` },
  'no body': { bytes: `${OK}content-length: 0\r\n\r\n` },
  'no reason phrase': { bytes: `HTTP/1.1 200\r\n${TEN}\r\n0123456789` },
  'an empty reason phrase': { bytes: `HTTP/1.1 200 \r\n${TEN}\r\n0123456789` },
  'a reason in latin1': { bytes: `HTTP/1.1 200 \u00fcber\r\n${TEN}\r\n0123456789` },
  'names in capitals, blanks around values': {
    bytes: `${OK}Content-Length: \t 10 \t\r\nX-One:two\r\n\r\n0123456789`,
    own: { is: 'answered', why: 'RFC 9110 section 5.5: blanks are no part of a value' },
  },
  'a header without a value': { bytes: `${OK}x-one:\r\n${TEN}\r\n0123456789` },
  'a header twice': { bytes: `${OK}x-one: 1\r\nx-one: 2\r\nX-ONE: 3\r\n${TEN}\r\n0123456789` },
  'names of an object': {
    bytes: `${OK}constructor: 1\r\ntostring: 2\r\n${TEN}\r\n0123456789`,
  },
  chunks: { bytes: `${OK}${CHUNKED}\r\n3\r\n012\r\n7\r\n3456789\r\n0\r\n\r\n` },
  'chunks with extensions and trailers': {
    bytes: `${OK}Transfer-Encoding: Chunked\r\n\r\n00a;a=b\r\n0123456789\r\n0\r\nx-one: two\r\n\r\n`,
  },
  'a body until the end of the connection': { bytes: `${OK}\r\n0123456789`, ends: true },
  'HTTP/1.0': { bytes: `HTTP/1.0 200 OK\r\n\r\n0123456789`, ends: true },
  '204': { bytes: 'HTTP/1.1 204 No Content\r\n\r\n' },
  '304 with the length of what it does not send': {
    bytes: `HTTP/1.1 304 Not Modified\r\n${TEN}\r\n`,
    own: { is: 'answered', why: 'RFC 9110 section 8.6: it is that of the body that is not sent' },
  },
  HEAD: { bytes: `${OK}${TEN}\r\n`, method: 'HEAD' },
  'HEAD, chunked': { bytes: `${OK}${CHUNKED}\r\n`, method: 'HEAD' },
  'early hints, then the answer': {
    bytes: `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}${TEN}\r\n0123456789`,
  },
  '100, then the answer': {
    bytes: `HTTP/1.1 100 Continue\r\n\r\n${OK}${TEN}\r\n0123456789`,
    own: { is: 'answered', why: 'RFC 9110 section 15.2: it may come without being asked for' },
  },
  'another protocol': {
    bytes: 'HTTP/1.1 101 Switching\r\nupgrade: a\r\nconnection: upgrade\r\n\r\n',
  },
  'a length of no digits': { bytes: `${OK}content-length: ten\r\n\r\n0123456789` },
  'a negative length': { bytes: `${OK}content-length: -1\r\n\r\n0123456789` },
  'a length with a sign': { bytes: `${OK}content-length: +10\r\n\r\n0123456789` },
  'a length in two': { bytes: `${OK}content-length: 1 0\r\n\r\n0123456789` },
  'no length where one should be': { bytes: `${OK}content-length:\r\n\r\n0123456789` },
  'a length of 20 digits': { bytes: `${OK}content-length: 99999999999999999999\r\n\r\n0123456789` },
  'two lengths': { bytes: `${OK}${TEN}content-length: 9\r\n\r\n0123456789` },
  'the same length twice': { bytes: `${OK}${TEN}${TEN}\r\n0123456789` },
  'a list of lengths': { bytes: `${OK}content-length: 10, 10\r\n\r\n0123456789` },
  'a length and chunks': { bytes: `${OK}${TEN}${CHUNKED}\r\na\r\n0123456789\r\n0\r\n\r\n` },
  'chunks and a length': { bytes: `${OK}${CHUNKED}${TEN}\r\na\r\n0123456789\r\n0\r\n\r\n` },
  'chunked twice': {
    bytes: `${OK}${CHUNKED}${CHUNKED}\r\na\r\n0123456789\r\n0\r\n\r\n`,
    own: { is: 'refused', why: 'a body that is chunked twice is one for nobody' },
  },
  'another coding before chunks': {
    bytes: `${OK}transfer-encoding: gzip, chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n`,
    own: { is: 'refused', why: 'nobody undoes the other coding' },
  },
  'another coding': {
    bytes: `${OK}transfer-encoding: gzip\r\n\r\n0123456789`,
    ends: true,
    own: { is: 'refused', why: 'nobody undoes it' },
  },
  'a chunk of no length': { bytes: `${OK}${CHUNKED}\r\n\r\n0123456789\r\n0\r\n\r\n` },
  'a chunk whose length is no number': {
    bytes: `${OK}${CHUNKED}\r\nxyz\r\n0123456789\r\n0\r\n\r\n`,
  },
  'a chunk with a blank behind its length': {
    bytes: `${OK}${CHUNKED}\r\na \r\n0123456789\r\n0\r\n\r\n`,
  },
  'a blank before an extension': {
    bytes: `${OK}${CHUNKED}\r\na ;b\r\n0123456789\r\n0\r\n\r\n`,
  },
  'a blank before the length of a chunk': {
    bytes: `${OK}${CHUNKED}\r\n a\r\n0123456789\r\n0\r\n\r\n`,
  },
  'a chunk with 0x': { bytes: `${OK}${CHUNKED}\r\n0xa\r\n0123456789\r\n0\r\n\r\n` },
  'a chunk that is longer than it says': {
    bytes: `${OK}${CHUNKED}\r\n9\r\n0123456789\r\n0\r\n\r\n`,
  },
  'a chunk of more bytes than there are': {
    bytes: `${OK}${CHUNKED}\r\nffffffffffffffffff\r\n0123`,
  },
  'a chunk that ends with a line feed alone': {
    bytes: `${OK}${CHUNKED}\r\na\n0123456789\r\n0\r\n\r\n`,
  },
  'a line of no colon': { bytes: `${OK}x-one\r\n${TEN}\r\n0123456789` },
  'a name with a blank': { bytes: `${OK}x one: 1\r\n${TEN}\r\n0123456789` },
  'a blank before the colon': { bytes: `${OK}x-one : 1\r\n${TEN}\r\n0123456789` },
  'a line that goes on on the next one': { bytes: `${OK}x-one: 1\r\n 2\r\n${TEN}\r\n0123456789` },
  'a value with a NUL': { bytes: `${OK}x-one: 1\u00002\r\n${TEN}\r\n0123456789` },
  'a value with a bare carriage return': { bytes: `${OK}x-one: 1\r2\r\n${TEN}\r\n0123456789` },
  'lines that end with a line feed alone': {
    bytes: `HTTP/1.1 200 OK\n${TEN.trim()}\n\n0123456789`,
  },
  'one line that does': { bytes: `${OK}x-one: 1\nx-two: 2\r\n${TEN}\r\n0123456789` },
  'another version': {
    bytes: `HTTP/2.0 200 OK\r\n${TEN}\r\n0123456789`,
    own: { is: 'refused', why: 'nobody speaks that one in this form' },
  },
  'another protocol at all': { bytes: 'SSH-2.0-OpenSSH_9.2\r\n' },
  'a status of two digits': { bytes: `HTTP/1.1 20 OK\r\n${TEN}\r\n0123456789` },
  'a status of letters': { bytes: `HTTP/1.1 abc OK\r\n${TEN}\r\n0123456789` },
  'no status': { bytes: `HTTP/1.1\r\n${TEN}\r\n0123456789` },
  'a blank line before it': {
    bytes: `\r\n${OK}${TEN}\r\n0123456789`,
    own: { is: 'refused', why: 'RFC 9112 has it before requests only' },
  },
  'a head of 17 KB': { bytes: `${OK}x-one: ${'y'.repeat(17_000)}\r\n${TEN}\r\n0123456789` },
  'an end in the head': { bytes: `${OK}x-one`, ends: true },
  'an end in a body with a length': { bytes: `${OK}${TEN}\r\n01234`, ends: true },
  'an end in a chunk': { bytes: `${OK}${CHUNKED}\r\na\r\n01234`, ends: true },
  'an end before the last chunk': { bytes: `${OK}${CHUNKED}\r\na\r\n0123456789\r\n`, ends: true },
  'an end before anything': { bytes: '', ends: true },
}

async function write(socket: Socket, bytes: Buffer, cut: number, ends: boolean): Promise<void> {
  socket.write(bytes.subarray(0, cut))
  if (cut < bytes.byteLength) {
    // the reader runs in this process: it has read the first part after these turns of the event loop
    for (let count = 0; count < 3; count++) await turn()
    socket.write(bytes.subarray(cut))
  }
  if (ends) socket.end()
}

const isRefused = ({ error }: Outcome): boolean => error !== null

/** The positions at which bytes are cut in two: all of a short text. */
function cutsOf({ byteLength }: Buffer): readonly number[] {
  const step = Math.max(1, Math.floor(byteLength / 400))
  return Array.from({ length: Math.ceil(byteLength / step) }, (_, at) => at * step).slice(1)
}

async function both(t: Test, { bytes, method, ends, own }: Case): Promise<void> {
  const all = Buffer.from(bytes, 'latin1')
  let cut = all.byteLength
  const origin = await rawServer(t, (socket) => {
    socket.once('data', () => void write(socket, all, cut, ends === true))
  })
  const agent = new Agent()
  t.teardown(() => agent.destroy())
  const keeper = new Keeper()
  agent.dispatch({ origin, path: '/', method: method ?? 'GET' }, keeper)
  const theirs = await keeper.outcome

  const outcomeOf = async (): Promise<Outcome> =>
    // connections of its own: what another part of the bytes does to one is not the question
    ask(connectionsFor(t), origin, { method: method ?? 'GET' })
  const whole = await outcomeOf()
  if (own === undefined) {
    t.equal(isRefused(whole), isRefused(theirs), `refused or not, as undici (${theirs.error})`)
    if (!isRefused(whole)) t.same(whole, { ...theirs }, 'the same status, headers and body')
  } else {
    t.equal(isRefused(whole), own.is === 'refused', own.why)
    t.not(isRefused(theirs), isRefused(whole), 'undici does not')
  }
  let different = 0
  for (cut of cutsOf(all)) {
    const cutInTwo = await outcomeOf()
    // an answer that is refused may have begun
    const isSame = isRefused(whole)
      ? isRefused(cutInTwo)
      : JSON.stringify(cutInTwo) === JSON.stringify(whole)
    if (!isSame) different += 1
  }
  t.equal(different, 0, `the same in two parts, however it is cut`)
}

for (const [name, one] of Object.entries(CASES)) t.test(name, async (t) => both(t, one))

t.test('bytes of a value beyond ASCII stay what they are', async (t) => {
  const value = Buffer.from('r\u00e9sum\u00e9 \u65e5\u672c')
  const origin = await rawServer(t, (socket) => {
    const bytes = [`${OK}x-one: `, value, `\r\n${TEN}\r\n0123456789`]
    socket.once('data', () => socket.write(Buffer.concat(bytes.map((part) => Buffer.from(part)))))
  })
  const { headers } = await ask(connectionsFor(t), origin)
  t.equal(headers['x-one'], value.toString('latin1'), 'as Node reads and writes headers')
})
