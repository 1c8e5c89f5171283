/**
 * Connections to Azure are used for one call after another, and never by two callers for one answer: after anything that is
 * not as it should be, the next call has another connection.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { createConnections } from '../../../src/forward/http1/connections.ts'
import { startLab } from '../../../lab/lab.ts'
import {
  ask,
  connectionsFor,
  Keeper,
  onRequest,
  rawServer,
  requestTo,
} from './support/raw-server.ts'

const answer = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`

/** Two calls, one after the other, to a server that answers with its connection's number and the call's. */
async function twoCalls(
  t: Test,
  write: (socket: Socket, text: string) => void,
  { headers = '', method = 'GET', pauseMs = 0, idleMs = 30_000 } = {},
): Promise<readonly string[]> {
  const origin = await rawServer(t, (socket, connection) => {
    let calls = 0
    onRequest(socket, () => {
      calls += 1
      const body = method === 'HEAD' ? '' : `${connection}/${calls}`
      write(socket, answer(body, `${headers}x-at: ${connection}/${calls}\r\n`))
    })
  })
  const connections = connectionsFor(t, idleMs)
  const found: string[] = []
  for (const path of ['/1', '/2']) {
    const { error, headers: got } = await ask(connections, origin, { method, path })
    found.push(error ?? String(got['x-at']))
    await delay(pauseMs)
  }
  return found
}

const plainly = (socket: Socket, text: string): void => void socket.write(text)

t.test('one connection for one call after another', async (t) => {
  t.same(await twoCalls(t, plainly), ['1/1', '1/2'])
  t.same(
    await twoCalls(t, plainly, { headers: 'keep-alive: timeout=60\r\n' }),
    ['1/1', '1/2'],
    'for which the server has time',
  )
})

t.test('another connection for the next call', async (t) => {
  const another = ['1/1', '2/1']
  t.same(await twoCalls(t, plainly, { headers: 'connection: close\r\n' }), another, 'close')
  t.same(await twoCalls(t, plainly, { headers: 'Connection: x, Close\r\n' }), another, 'in a list')
  t.same(
    await twoCalls(t, plainly, { headers: 'connection: x\r\nconnection: close\r\n' }),
    another,
    'in a second header',
  )
  t.same(await twoCalls(t, plainly, { method: 'HEAD' }), another, 'HEAD')
  t.same(
    await twoCalls(t, plainly, { headers: 'keep-alive: timeout=2\r\n' }),
    another,
    'the server keeps it for no longer than a request may take to arrive',
  )
  t.same(
    await twoCalls(t, plainly, { headers: 'keep-alive: timeout=3\r\n', pauseMs: 1_300 }),
    another,
    'its time is over',
  )
  t.same(await twoCalls(t, plainly, { idleMs: 100, pauseMs: 200 }), another, 'idle for too long')
  const withMore = (more: string) => (socket: Socket, text: string) =>
    void socket.write(text + more)
  t.same(
    await twoCalls(t, withMore(answer('an answer for somebody else'))),
    another,
    'a second answer behind the first one is nobody’s',
  )
  t.same(await twoCalls(t, withMore('\r\n')), another, 'a blank line behind it')
  const later = (socket: Socket, text: string): void => {
    socket.write(text)
    setTimeout(() => socket.write(answer('nobody’s')), 50)
  }
  t.same(await twoCalls(t, later, { pauseMs: 150 }), another, 'an answer that nobody asked for')
  const ends = (socket: Socket, text: string): void => void socket.end(text)
  t.same(await twoCalls(t, ends, { pauseMs: 50 }), another, 'the server has closed it')
})

t.test('a body that a server does not read is not the next request', async (t) => {
  let opened = 0
  const origin = await rawServer(t, (socket) => {
    opened += 1
    socket.on('data', () => socket.write(answer('{}')))
  })
  const connections = connectionsFor(t)
  const body = Buffer.from('GET /smuggled HTTP/1.1\r\n\r\n')
  for (const method of ['DELETE', 'GET', 'PUT', 'PUT'])
    t.match(await ask(connections, origin, { method, body }), { body: '{}', error: null })
  t.equal(opened, 3, 'what comes after the first two has another connection')
})

t.test('more calls at once than a server has room for new connections', async (t) => {
  const origin = await rawServer(t, (socket) => {
    onRequest(socket, () => setTimeout(() => socket.write(answer('{}')), 20))
  })
  const connections = connectionsFor(t)
  const answers = await Promise.all(Array.from({ length: 2_000 }, () => ask(connections, origin)))
  t.same(new Set(answers.map(({ error, body }) => `${error} ${body}`)), new Set(['null {}']))
})

t.test('a server that takes no connection', async (t) => {
  // an address that is for documents only: nothing answers, or the system says that there is no way
  const connections = createConnections({ connectTimeoutMs: 500, idleMs: 1_000 })
  t.teardown(() => connections.close())
  const all = Array.from({ length: 200 }, () => ask(connections, 'http://192.0.2.1:81'))
  for (const { error } of await Promise.all(all))
    t.match(
      error,
      /^(?:UND_ERR_CONNECT_TIMEOUT|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|EACCES|EPERM)$/,
    )
})

t.test('calls at the same time do not share a connection', async (t) => {
  const origin = await rawServer(t, (socket) => {
    onRequest(socket, (head) => {
      const [, path = ''] = head.split(' ')
      setTimeout(() => socket.write(answer(path)), 5 + (Number(path.slice(1)) % 7))
    })
  })
  const connections = connectionsFor(t)
  for (let round = 0; round < 3; round++) {
    const paths = Array.from({ length: 200 }, (_, at) => `/${round * 1000 + at}`)
    const answers = await Promise.all(paths.map((path) => ask(connections, origin, { path })))
    t.same(
      answers.map(({ body }) => body),
      paths,
      'each has its own answer',
    )
  }
})

t.test('an answer before all of a request was sent', async (t) => {
  const origin = await rawServer(t, (socket, connection) => {
    if (connection === 1) socket.once('data', () => socket.pause().write(answer('early')))
    else onRequest(socket, (_, body) => socket.write(answer(String(body.length))))
  })
  const connections = connectionsFor(t)
  const body = Buffer.alloc(20_000_000, 'x')
  const change = { method: 'PUT', body, headers: ['content-length', String(body.byteLength)] }
  t.equal((await ask(connections, origin, change)).body, 'early')
  t.equal((await ask(connections, origin, change)).body, '20000000', 'not behind its rest')
})

t.test('what is sent', async (t) => {
  const heads: string[] = []
  const origin = await rawServer(t, (socket) => {
    onRequest(socket, (head, body) => {
      heads.push(`${head}|${body}`)
      socket.write(answer(''))
    })
  })
  const connections = connectionsFor(t)
  const host = `host: ${new URL(origin).host}\r\nconnection: keep-alive\r\n`
  await ask(connections, origin, { path: '/a?b=%20', headers: ['x-one', 'two'] })
  await ask(connections, origin, { method: 'DELETE' })
  await ask(connections, origin, { method: 'POST' })
  await ask(connections, origin, { method: 'GET', headers: ['content-length', '0'] })
  const body = Buffer.from('{}')
  await ask(connections, origin, { method: 'PUT', body, headers: ['content-length', '2'] })
  await ask(connections, origin, { method: 'PATCH', body })
  await ask(connections, origin, { method: 'HEAD' })
  await ask(connections, origin, { method: 'DELETE', body })
  t.same(heads, [
    `GET /a?b=%20 HTTP/1.1\r\n${host}x-one: two|`,
    `DELETE / HTTP/1.1\r\n${host.trimEnd()}|`,
    `POST / HTTP/1.1\r\n${host}content-length: 0|`,
    `GET / HTTP/1.1\r\n${host.trimEnd()}|`,
    `PUT / HTTP/1.1\r\n${host}content-length: 2|{}`,
    `PATCH / HTTP/1.1\r\n${host}content-length: 2|{}`,
    `HEAD / HTTP/1.1\r\n${host.replace('keep-alive', 'close').trimEnd()}|`,
    `DELETE / HTTP/1.1\r\n${host.replace('keep-alive', 'close')}content-length: 2|{}`,
  ])
})

t.test('what is not sent', async (t) => {
  const origin = await rawServer(t, () => t.fail('nothing is sent'))
  const connections = connectionsFor(t)
  const two = Buffer.from('{}')
  const cases: Readonly<Record<string, Parameters<typeof ask>[2]>> = {
    'a line break in the path': { path: '/a\r\nx: y' },
    'a blank in the path': { path: '/a b' },
    'a character beyond latin1 in the path': { path: '/\u0100' },
    'no path': { path: '' },
    'a URL for a path': { path: 'https://elsewhere.invalid/' },
    'a method of two words': { method: 'GET /x' },
    'a method in small letters': { method: 'get' },
    'a line break in a value': { headers: ['x-one', 'a\r\nx-two: b'] },
    'a line feed in a value': { headers: ['x-one', 'a\nx-two: b'] },
    'a NUL in a value': { headers: ['x-one', 'a\u0000'] },
    'a character that latin1 would cut to a line feed': { headers: ['x-one', 'a\u010a'] },
    'a line break in a name': { headers: ['x-one: a\r\nx-two', 'b'] },
    'no name': { headers: ['', 'b'] },
    'a host of its own': { headers: ['host', 'elsewhere.invalid'] },
    'a transfer coding': { headers: ['transfer-encoding', 'chunked'] },
    'a length without a body': { headers: ['content-length', '2'] },
    'less than the body': { method: 'PUT', body: two, headers: ['content-length', '1'] },
    'more than the body': { method: 'PUT', body: two, headers: ['content-length', '3'] },
  }
  for (const [name, change] of Object.entries(cases)) {
    const { error, status } = await ask(connections, origin, change)
    t.same({ error, status }, { error: 'UND_ERR_INVALID_ARG', status: null }, name)
  }
})

t.test('nobody listens', async (t) => {
  const { error } = await ask(connectionsFor(t), 'http://127.0.0.1:1')
  t.equal(error, 'ECONNREFUSED')
})

t.test('an answer that is late', async (t) => {
  const origin = await rawServer(t, (socket, connection) => {
    if (connection === 1) return
    if (connection === 2) socket.once('data', () => socket.write('HTTP/1.1 103 Early\r\n\r\nHTTP'))
    else socket.once('data', () => socket.write(answer('0123456789').slice(0, -5)))
  })
  const connections = connectionsFor(t)
  const late = { timeoutMs: 300 }
  t.match(await ask(connections, origin, late), { status: null, error: 'UND_ERR_HEADERS_TIMEOUT' })
  t.match(
    await ask(connections, origin, late),
    { status: null, error: 'UND_ERR_HEADERS_TIMEOUT' },
    'a part of a head is no answer',
  )
  t.match(await ask(connections, origin, late), { body: '01234', error: 'UND_ERR_BODY_TIMEOUT' })
})

t.test('an answer that takes long, a part at a time', async (t) => {
  const origin = await rawServer(t, (socket) => {
    const write = async (): Promise<void> => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n')
      for (const part of 'abcdef') {
        await delay(150)
        socket.write(part)
      }
    }
    socket.once('data', () => void write())
  })
  const { body } = await ask(connectionsFor(t), origin, { timeoutMs: 600 })
  t.equal(body, 'abcdef', 'its time is that of each part')
})

t.test('a caller who reads slowly', async (t) => {
  let written = 0
  const all = 50_000_000
  const origin = await rawServer(t, (socket) => {
    const write = async (): Promise<void> => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${all}\r\n\r\n`)
      const part = Buffer.alloc(100_000, 'x')
      for (; written < all; written += part.byteLength)
        if (!socket.write(part)) await once(socket, 'drain')
    }
    socket.once('data', () => void write())
  })
  const keeper = new Keeper()
  keeper.onPiece = (control) => control.pause()
  connectionsFor(t).send(requestTo(origin, { timeoutMs: 300 }), keeper)
  await delay(1_000)
  t.ok(written < all, 'the server waits for its reader')
  t.equal(keeper.ends, 0, 'its answer is not late while nobody reads it')
  keeper.onPiece = null
  keeper.control?.resume()
  const { body, error } = await keeper.outcome
  t.same([body.length, error], [all, null], 'all of it in the end')
})

t.test('a call that is given up', async (t) => {
  let closed = 0
  const origin = await rawServer(t, (socket) => {
    socket.on('close', () => {
      closed += 1
    })
    socket.on('data', () => socket.write(answer('0123456789').slice(0, -5)))
  })
  const connections = connectionsFor(t)
  const keeper = new Keeper()
  keeper.onPiece = (control) => control.abort(new Error('enough'))
  connections.send(requestTo(origin), keeper)
  t.match(await keeper.outcome, { status: 200, error: 'Error' })
  await delay(50)
  t.equal(closed, 1, 'its connection ends with it')
  keeper.control?.abort(new Error('again'))
  keeper.control?.resume()
  t.equal(keeper.ends, 1, 'and once')
})

t.test('a call that is over does not touch the next one on its connection', async (t) => {
  const origin = await rawServer(t, (socket) => {
    onRequest(socket, (head) => {
      setTimeout(() => socket.write(answer(head.split(' ')[1] ?? '')), 50)
    })
  })
  const connections = connectionsFor(t)
  const first = new Keeper()
  connections.send(requestTo(origin, { path: '/first' }), first)
  await first.outcome
  const second = ask(connections, origin, { path: '/second' })
  await delay(20)
  first.control?.pause()
  first.control?.abort(new Error('too late'))
  t.match(await second, { body: '/second', error: null })
})

t.test('a stop', async (t) => {
  const origin = await rawServer(t, (socket) => {
    socket.on('data', () => socket.write(answer('0123456789').slice(0, -5)))
  })
  const connections = connectionsFor(t)
  const half = new Keeper()
  connections.send(requestTo(origin), half)
  await delay(50)
  const connecting = ask(connections, origin)
  connections.close()
  t.match(await half.outcome, { status: 200, error: 'UND_ERR_DESTROYED' })
  t.match(await connecting, { error: 'UND_ERR_DESTROYED' }, 'what had no connection yet')
  t.match(await ask(connections, origin), { error: 'UND_ERR_DESTROYED' }, 'what came after it')
})

t.test('an answer that is here before TLS says that the request was written', async (t) => {
  const lab = await startLab({ directory: t.testdir(), port: 0 })
  t.teardown(() => lab.close())
  const { certFile, keyFile, ca } = lab.certificates
  setDefaultCACertificates([...getCACertificates('default'), ca])
  // on a thread of its own: it answers while this one does nothing
  const server = new Worker(
    `const { readFileSync } = require('node:fs')
     const { parentPort, workerData } = require('node:worker_threads')
     let connections = 0
     const server = require('node:https').createServer(
       { cert: readFileSync(workerData.certFile), key: readFileSync(workerData.keyFile) },
       (request, response) => request.resume().on('end', () => response.end(String(connections))),
     )
     server.on('secureConnection', () => (connections += 1))
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`,
    { eval: true, workerData: { certFile, keyFile } },
  )
  t.teardown(() => server.terminate())
  const [port] = (await once(server, 'message')) as [number]
  const connections = connectionsFor(t)
  const body = Buffer.from('{}')
  for (let call = 0; call < 5; call++) {
    const asked = ask(connections, `https://localhost:${port}`, { method: 'PUT', body })
    // once it is written: the next that this thread sees is the whole answer
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100))
    t.match(await asked, { body: '1', error: null }, 'the same connection')
  }
})

t.test('TLS', async (t) => {
  const lab = await startLab({ directory: t.testdir(), port: 0 })
  t.teardown(() => lab.close())
  const { certificates } = lab
  const [cert, key] = await Promise.all(
    [certificates.certFile, certificates.keyFile].map((file) => readFile(file)),
  )
  let sessions = 0
  const server = createTlsServer({ cert, key }, (request, response) => {
    if ((request.socket as { isSessionReused?: () => boolean }).isSessionReused?.() === true)
      sessions += 1
    let length = 0
    request.on('data', (bytes: Buffer) => (length += bytes.byteLength))
    request.on('end', () => {
      response.setHeader('connection', request.url === '/close' ? 'close' : 'keep-alive')
      response.write(`${length} `)
      response.end('x'.repeat(300_000))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`
  const untrusted = await ask(connectionsFor(t), origin)
  t.match(
    untrusted,
    { status: null, error: /VERIFY|SELF_SIGNED|ISSUER/ },
    'nobody has vouched for it',
  )
  setDefaultCACertificates([...getCACertificates('default'), certificates.ca])
  const connections = connectionsFor(t)
  const body = Buffer.alloc(1_000_000, 'x')
  for (const path of ['/', '/close', '/']) {
    const found = await ask(connections, origin, { method: 'PUT', body, path })
    t.equal(found.error, null)
    t.equal(found.body.length, 300_008, 'in chunks')
    t.match(found.body, /^1000000 /)
  }
  t.equal(sessions, 1, 'the second connection takes up the session of the first one')
})
