/** Tokens that are bound to a key, end to end: a certificate at the TLS layer (RFC 8705), a DPoP proof (RFC 9449). */
import { Agent } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { makeDpopClient } from '../identity/support/dpop.ts'
import { makeAuthority, type ClientCertificate } from '../support/client-certificates.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { parseAnswer, type Answer } from '../support/send.ts'

t.setTimeout(300_000)
const PATH = `${workspaceId()}/jobs`
const JOBS = `${PATH}?api-version=2024-04-01`

async function start(
  test: Pick<typeof t, 'testdir' | 'teardown'>,
  ca: string,
  required: boolean,
): Promise<World> {
  const caFile = join(test.testdir({ 'clients.pem': ca }), 'clients.pem')
  const clientCertificates = { caFile, required }
  const world = await startGateway({
    gateway: {
      // the health check of the test has no certificate
      waitUntilReady: !required,
      change(config) {
        const { tls } = config.listen
        if (tls === undefined) throw new Error('the lab has TLS')
        return { ...config, listen: { ...config.listen, tls: { ...tls, clientCertificates } } }
      },
    },
  })
  test.teardown(() => world.close())
  return world
}

const bound = (world: World, { thumbprint }: ClientCertificate): Promise<string> =>
  world.lab.token('scientist', { claims: { cnf: { 'x5t#S256': thumbprint } } })

async function call(
  world: World,
  token: string,
  holder: ClientCertificate | null,
): Promise<Answer> {
  const { ca } = world.lab.certificates
  const agent = new Agent({
    ca,
    ...(holder === null ? {} : { cert: holder.cert, key: holder.key }),
  })
  const answer = await world.send(JOBS, { headers: { authorization: `Bearer ${token}` }, agent })
  agent.destroy()
  return answer
}

/** One request on a connection of its own that resumes an earlier TLS session, if there is one. */
function resume(
  world: World,
  { cert, key }: ClientCertificate,
  token: string,
  session: Buffer | undefined,
): Promise<{ bytes: string; reused: boolean; next: Buffer | undefined }> {
  const { ca } = world.lab.certificates
  const { port, host } = new URL(world.url)
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: Number(port), servername: 'localhost', ca, cert, key, session },
      () => {
        reused = socket.isSessionReused()
        socket.write(
          `GET ${JOBS} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
        )
      },
    )
    let reused = false
    let next: Buffer | undefined
    const chunks: Buffer[] = []
    socket.on('session', (given) => (next = given))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('close', () => resolve({ bytes: Buffer.concat(chunks).toString(), reused, next }))
  })
}

const seconds = () => Math.floor(Date.now() / 1000)
const outcome = ({ status, code }: Answer) => ({ status, code })
const REFUSED = { status: 401, code: 'invalid_token' }

void t.test('a token that is bound to a certificate works with it alone', async (test) => {
  const [authority, strangers, forgers] = await Promise.all([
    makeAuthority(),
    makeAuthority('strangers'),
    makeAuthority(),
  ])
  const [alice, bob, stranger, forged, ended] = await Promise.all([
    authority.issue('alice'),
    authority.issue('bob'),
    strangers.issue('alice'),
    forgers.issue('alice'),
    authority.issue('ended', -1),
  ])
  const world = await start(test, authority.ca, false)
  const plain = await world.lab.token('scientist')
  const ofAlice = await bound(world, alice)

  test.equal((await call(world, ofAlice, alice)).status, 200)
  test.equal((await call(world, plain, null)).status, 200, 'who has none needs none')
  test.equal((await call(world, plain, alice)).status, 200)
  test.equal((await call(world, plain, stranger)).status, 200, 'nor does a foreign one hurt')
  const before = world.lab.requests().length
  const cases: [string, string, ClientCertificate | null][] = [
    ['no certificate', ofAlice, null],
    ["somebody else's certificate", ofAlice, bob],
    ['a certificate of the same name from another authority', ofAlice, stranger],
    [
      'bound to a certificate of another authority, with it',
      await bound(world, stranger),
      stranger,
    ],
    ['bound to a certificate that has ended, with it', await bound(world, ended), ended],
    ['a verified token, seen before, without its certificate', ofAlice, null],
  ]
  for (const [name, token, holder] of cases) {
    const answer = await call(world, token, holder)
    test.same(outcome(answer), REFUSED, name)
    test.equal((await world.settled(answer)).length, 1, 'exactly one record')
  }
  // OpenSSL may give the connection up over a wrong signature of an issuer whose name it knows
  const byForger = await call(world, await bound(world, forged), forged)
  test.ok([400, 401].includes(byForger.status), 'an authority that only has the same name')
  test.equal(world.lab.requests().length, before, 'nothing is forwarded')
  test.equal((await call(world, ofAlice, alice)).status, 200, 'and it still works with it')

  await test.test('on a connection that is kept, each request is judged', async (kept) => {
    const { ca } = world.lab.certificates
    const agent = new Agent({ ca, cert: bob.cert, key: bob.key, keepAlive: true, maxSockets: 1 })
    const send = (token: string) =>
      world.send(JOBS, { headers: { authorization: `Bearer ${token}` }, agent })
    const ofBob = await bound(world, bob)
    kept.equal((await send(ofBob)).status, 200)
    kept.same(outcome(await send(ofAlice)), REFUSED)
    kept.equal((await send(ofBob)).status, 200)
    agent.destroy()
  })

  await test.test('a resumed TLS session still has its certificate', async (resumed) => {
    let session: Buffer | undefined
    for (const expected of [false, true]) {
      const { bytes, reused, next } = await resume(world, alice, ofAlice, session)
      session = next
      resumed.equal(reused, expected, 'resumed')
      resumed.equal(parseAnswer(bytes).status, 200)
    }
    const stolen = await resume(world, bob, ofAlice, undefined)
    resumed.same(outcome(parseAnswer(stolen.bytes)), REFUSED)
  })
})

void t.test('where certificates are required, no connection is made without one', async (test) => {
  const authority = await makeAuthority()
  const alice = await authority.issue('alice')
  const world = await start(test, authority.ca, true)
  const token = await world.lab.token('scientist')
  const attempt = (holder: ClientCertificate | null) =>
    call(world, token, holder).then(
      ({ status }) => status,
      () => 'no connection',
    )
  let answer = await attempt(alice)
  for (let tries = 0; tries < 300 && answer !== 200; tries += 1) {
    await new Promise((done) => setTimeout(done, 100))
    answer = await attempt(alice)
  }
  test.equal(answer, 200)
  const received = async () =>
    (await world.allRecords()).filter((row) => row['RecordKind'] === 'received').length
  const before = await received()
  test.equal(await attempt(null), 'no connection')
  test.equal(await attempt(await (await makeAuthority()).issue('alice')), 'no connection')
  for (let tries = 0; tries < 100 && (await received()) < before + 2; tries += 1) {
    await new Promise((done) => setTimeout(done, 20))
  }
  test.equal(await received(), before + 2, 'each has its record')
})

void t.test('a token that is bound to a DPoP key works with a fresh proof alone', async (test) => {
  const world = await startGateway()
  test.teardown(() => world.close())
  const client = await makeDpopClient()
  const token = await world.lab.token('scientist', { claims: { cnf: { jkt: client.jkt } } })
  const prove = (changes = {}) =>
    client.prove(token, seconds(), { htu: world.url + PATH, ...changes })
  const send = (dpop: string, method = 'GET', scheme = 'DPoP') =>
    world.send(method === 'GET' ? JOBS : `${PATH}/j?api-version=2024-04-01`, {
      method,
      headers: { authorization: `${scheme} ${token}`, dpop, 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: '{"properties":{"jobType":"Command"}}' }),
    })
  const first = await prove()
  test.equal((await send(first)).status, 200)
  test.equal((await send(await prove())).status, 200, 'each request has its own')
  const put = await prove({ htm: 'PUT', htu: `${world.url}${PATH}/j` })
  test.ok([200, 201].includes((await send(put, 'PUT')).status))
  const forwarded = world.lab.requests()
  test.equal(forwarded.length, 3)
  test.notMatch(JSON.stringify(forwarded), first, 'no proof goes to Azure')
  for (const [name, answer] of [
    ['a proof used before', await send(first)],
    ['the proof of another method', await send(await prove(), 'PUT')],
    ['the proof of another path', await send(await prove({ htu: `${world.url}/other` }))],
    ['the proof of another gateway', await send(await prove({ htu: `https://evil.test${PATH}` }))],
  ] as const) {
    test.same(outcome(answer), { status: 401, code: 'invalid_dpop_proof' }, name)
    test.match(answer.headers['www-authenticate'], /^DPoP .*error="invalid_dpop_proof"/)
    test.equal((await world.settled(answer)).length, 1, 'exactly one record')
  }
  test.same(outcome(await send(await prove(), 'GET', 'Bearer')), REFUSED, 'no downgrade to bearer')
  test.equal(world.lab.requests().length, 3, 'nothing of that is forwarded')
})
