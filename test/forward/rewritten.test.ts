/**
 * The memory of an answer is given back when it is out, and not before: a caller who reads slowly gets every byte of the own
 * answer and none of another's, whatever is answered meanwhile.
 */
import { once } from 'node:events'
import { createServer, get, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureCertificates } from '../../lab/identity/ca.ts'
import { answerOf } from '../../src/forward/answer-body.ts'
import { sendRewritten, type Rewriter } from '../../src/forward/rewritten.ts'
import { openExchange, progressOf } from '../../src/exchange.ts'
import { ConnectionReply } from '../../src/http/reply.ts'

/** More than the buffers of both ends of a connection take. */
const BYTES = 16 * 1024 * 1024
const PART = 40_000

/** Puts one byte in another's place, so that the answer has memory of its own. */
const rewriter: Pick<Rewriter, 'write' | 'end'> = {
  write(chunk, out) {
    out.add(chunk, 0, 1)
    out.add(Buffer.from('!'), 0, 1)
    out.add(chunk, 2, chunk.byteLength)
  },
  end() {},
}

/** Answers each request with the letter of its path. */
const answering: RequestListener = (request, response) => {
  const whole = Buffer.alloc(BYTES, request.url?.slice(1) ?? '?')
  const exchange = openExchange('id', 0, 0, { ip: '::1', port: 1 }, 'GET', {})
  const reply = new ConnectionReply(request, response)
  void sendRewritten(
    answerOf(200, {}, whole, true),
    rewriter,
    {},
    {
      exchange,
      progress: progressOf(exchange),
      reply,
      fail: async () => reply.cut(),
      rules: { holdBytes: 2 * BYTES },
    },
  )
}

async function portOf(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** Asks for an answer, and does not read it until others have had theirs. */
async function readSlowly(socket: Socket, others: () => Promise<unknown>): Promise<string> {
  socket.pause()
  socket.write(
    'GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  )
  await others()
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

/** Each run of one letter in the bodies, with its length. */
function runsIn(bytes: string): string[] {
  const bodies = bytes.split(/HTTP\/1\.1 200 [^]*?\r\n\r\n/).slice(1)
  return bodies.flatMap((body) =>
    (body.match(/([a-z])\1*/g) ?? []).map((run) => `${run[0]} ${run.length}`),
  )
}

for (const tls of [false, true]) {
  t.test(`a slow reader over ${tls ? 'TLS' : 'TCP'}`, async (t) => {
    const { ca, cert, key } = await ensureCertificates(t.testdir())
    const plain = await portOf(t, createServer(answering))
    const port = tls ? await portOf(t, createTlsServer({ cert, key }, answering)) : plain
    const socket = tls
      ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca })
      : connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await once(socket, tls ? 'secureConnect' : 'connect')
    // theirs is given back, and taken by the next of them
    const others = async (): Promise<void> => {
      for (let n = 0; n < 5; n++) {
        const [answer] = await once(get({ port: plain, path: '/z', agent: false }), 'response')
        answer.resume()
        await once(answer, 'end')
      }
    }
    const bytes = await readSlowly(socket, others)
    const wanted = ['a', 'b'].flatMap((letter) => runsIn(rewrittenOf(letter)))
    t.same(runsIn(bytes), wanted)
  })

  t.test(`a reader who goes away over ${tls ? 'TLS' : 'TCP'} takes nobody along`, async (t) => {
    const { ca, cert, key } = await ensureCertificates(t.testdir())
    const server = tls ? createTlsServer({ cert, key }, answering) : createServer(answering)
    const port = await portOf(t, server)
    for (let n = 0; n < 5; n++) {
      const socket = tls
        ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca })
        : connect(port, '127.0.0.1')
      await once(socket, tls ? 'secureConnect' : 'connect')
      socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(socket, 'data')
      socket.destroy()
    }
    const closed = once(server, 'close')
    server.close()
    await closed
    t.pass('the process is there')
  })
}

for (const [parts, streams] of [
  [1, true],
  [3, true],
  [1, false],
  [3, false],
] as const) {
  const how = streams ? 'streamed' : 'whole'
  t.test(`memory that ${parts} of Azure's parts came in, ${how}, none changed`, async (t) => {
    const came = Array.from({ length: parts }, (_, at) => Buffer.alloc(PART, 97 + at))
    const wanted = Buffer.concat(came).toString('latin1')
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    const server = createServer((request, response) => {
      const exchange = openExchange('id', 0, 0, { ip: '::1', port: 1 }, 'GET', {})
      const reply = new ConnectionReply(request, response)
      void sendRewritten(
        answerOf(
          200,
          { 'content-length': String(parts * PART) },
          streams ? Readable.from(came) : came,
        ),
        { write: (chunk, out) => out.add(chunk, 0, chunk.byteLength), end() {} },
        {},
        {
          exchange,
          progress: progressOf(exchange),
          reply,
          fail: async () => reply.cut(),
          rules: { holdBytes: BYTES },
        },
      )
      reply.onceClosed(resolve)
    })
    const port = await portOf(t, server)
    const [answer] = await once(get({ port, agent: false }), 'response')
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    t.equal(Buffer.concat(chunks).toString('latin1'), wanted)
    await closed
    t.same(
      came.map(({ length }) => length),
      came.map(() => 0),
      'given back',
    )
  })
}

/** The letter's answer as it is to arrive, behind some head. */
function rewrittenOf(letter: string): string {
  const SLICE = 64 * 1024
  const slice = `${letter}!${letter.repeat(SLICE - 2)}`
  return `HTTP/1.1 200 OK\r\n\r\n${slice.repeat(BYTES / SLICE)}`
}
