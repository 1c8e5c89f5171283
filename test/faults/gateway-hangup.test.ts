/**
 * A caller that hangs up before Azure has answered: a read is given up with it, and Azure sees its connection close; a
 * change is carried to its end, and its record says what Azure made of it.
 */
import { readFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import type { Lab } from '../../lab/lab.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { openIntents } from '../support/trail.ts'
import { eventually } from '../support/eventually.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'
const UPSTREAM_TIMEOUT_MS = 4_000

/** One call at Azure, and what becomes of its connection. */
interface Arrived {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly closed: Promise<unknown>
}

let world: World
let token: string
let azure: Server
const calls: Arrived[] = []
const waiting: ((call: Arrived) => void)[] = []

/** A server of our own in Azure's place: it answers when the test says so. */
function standIn(lab: Lab, port: number): Server {
  const { certFile, keyFile } = lab.certificates
  const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  const server = createServer(files, (incoming, response) => {
    incoming.resume()
    const closed = new Promise((done) => {
      // however it closes: a reset is an error first
      incoming.socket.once('error', () => undefined).once('close', done)
    })
    const call = { request: incoming, response, closed }
    const next = waiting.shift()
    if (next === undefined) calls.push(call)
    else next(call)
  })
  return server.listen(port, '127.0.0.1')
}

const arrival = (): Promise<Arrived> => {
  const known = calls.shift()
  return known === undefined ? new Promise((done) => waiting.push(done)) : Promise.resolve(known)
}

t.before(async () => {
  const port = await freePort()
  world = await startGateway({
    gateway: (lab) => {
      azure = standIn(lab, port)
      return {
        change: (config) => ({
          ...config,
          cloud: { ...config.cloud, resourceManager: `https://localhost:${port}` },
          limits: { ...config.limits, upstreamTimeoutMs: UPSTREAM_TIMEOUT_MS },
        }),
      }
    },
  })
  token = await world.lab.token('scientist')
})
t.teardown(async () => {
  azure.closeAllConnections()
  azure.close()
  await world.close()
})

function call(method: string, path: string, body = ''): { hangUp: () => void } {
  const { hostname, port } = new URL(world.url)
  const { ca } = world.lab.certificates
  const type = body === '' ? {} : { 'content-type': 'application/json' }
  const headers = { authorization: `Bearer ${token}`, ...type }
  const outgoing = request({ hostname, port, path, method, ca, headers, agent: false })
  outgoing.on('error', () => undefined)
  outgoing.end(body)
  return { hangUp: () => outgoing.destroy() }
}

const of = async (name: string): Promise<readonly Row[]> =>
  (await world.allRecords()).filter((row) => row['ResourceName'] === name)

async function last(name: string): Promise<Row> {
  await eventually('its end is on record', async () =>
    (await of(name)).some((row) => row['RecordKind'] === 'completed'),
  )
  const rows = await of(name)
  t.equal(rows.length, 2, 'one intent and one end')
  return rows[1] ?? {}
}

for (const [what, method] of [
  ['a read', 'GET'],
  ['a look at the head', 'HEAD'],
] as const) {
  t.test(`${what} is given up: azure sees its connection close`, async (t) => {
    const name = `${method.toLowerCase()}-given-up`
    const { hangUp } = call(method, `${W}/jobs/${name}${VERSION}`)
    const arrived = await arrival()
    const left = performance.now()
    hangUp()
    await arrived.closed
    t.ok(performance.now() - left < UPSTREAM_TIMEOUT_MS / 2, 'not when its time is over')
    t.notOk(arrived.response.writableEnded, 'before azure had answered')
    t.match(await last(name), { Outcome: 'client_abort', UpstreamStatus: undefined })
  })
}

for (const [method, body] of [
  ['PUT', '{"properties":{"jobType":"Command"}}'],
  ['DELETE', ''],
] as const) {
  t.test(`a ${method} is carried to its end: the record says what azure answered`, async (t) => {
    const name = `${method.toLowerCase()}-carried-on`
    const { hangUp } = call(method, `${W}/jobs/${name}${VERSION}`, body)
    const arrived = await arrival()
    let closed = false
    void arrived.closed.then(() => (closed = true))
    hangUp()
    // the gateway has seen it go once a later call of the same caller has its record
    const { hangUp: after } = call('GET', `${W}/jobs/after-${name}${VERSION}`)
    const later = await arrival()
    after()
    await last(`after-${name}`)
    await later.closed
    t.notOk(closed, 'azure keeps its connection')
    t.equal((await of(name)).length, 1, 'nothing is said of the end before it is known')
    arrived.response
      .writeHead(202, {
        'x-ms-request-id': `request-of-${name}`,
        'content-type': 'application/json',
      })
      .end('{}')
    const end = await last(name)
    t.match(end, { Outcome: 'client_abort', UpstreamStatus: 202 })
    t.equal(end['Status'], undefined, 'the caller was told nothing')
    t.match(end['UpstreamRequestIds'], { 'x-ms-request-id': `request-of-${name}` })
  })

  t.test(
    `a ${method} that azure never answers: nobody knows, and the record says so`,
    async (t) => {
      const name = `${method.toLowerCase()}-unknown`
      const { hangUp } = call(method, `${W}/jobs/${name}${VERSION}`, body)
      const arrived = await arrival()
      hangUp()
      const end = await last(name)
      await arrived.closed
      t.match(end, { Outcome: 'unknown', RefusalCode: 'upstream_timeout' })
      t.ok(Number(end['DurationMs']) >= UPSTREAM_TIMEOUT_MS / 2)
    },
  )

  t.test(`a ${method} whose connection azure drops: unknown`, async (t) => {
    const name = `${method.toLowerCase()}-dropped`
    const { hangUp } = call(method, `${W}/jobs/${name}${VERSION}`, body)
    const arrived = await arrival()
    hangUp()
    arrived.request.socket.destroy()
    t.match(await last(name), { Outcome: 'unknown' })
  })
}

t.test('a gateway that is told to stop waits for what it carries on', async (t) => {
  const { hangUp } = call('PUT', `${W}/jobs/stopping${VERSION}`, '{"properties":{}}')
  const arrived = await arrival()
  hangUp()
  const stopping = world.gateway.stop()
  await eventually('it stops listening', () =>
    world.send('/_harness/livez').then(
      () => false,
      () => true,
    ),
  )
  arrived.response.writeHead(201, { 'content-type': 'application/json' }).end('{}')
  t.same(await stopping, { code: 0, signal: null })
  t.match(await last('stopping'), { Outcome: 'client_abort', UpstreamStatus: 201 })
  t.same(openIntents(await world.allRecords()), [])
})
