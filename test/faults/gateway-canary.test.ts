/** Secrets that a caller puts wherever a caller can put something: promise 16, through the whole gateway. */
import { connect } from 'node:tls'
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { withMetrics } from '../support/trail.ts'
import { workspaceId } from '../../lab/personas.ts'

const CANARY = 'canary4b1dfeed'
const W = workspaceId()
const V = 'api-version=2024-04-01'
const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

t.test(
  'promise 16: what a caller controls, and is no name of a resource, is in no record, log, row or metric',
  async (t) => {
    const port = await freePort()
    const world = await startGateway({
      gateway: {
        change: (config) => ({
          ...withMetrics(port)(config),
          audit: {
            ...config.audit,
            hashKey: { fromEnv: 'TRAIL_HASH_KEY' },
            sinks: [...config.audit.sinks, { name: 'out', kind: 'stdout', required: false }],
          },
        }),
        env: { TRAIL_HASH_KEY: `${CANARY}-hash-key-of-the-records` },
      },
    })
    t.teardown(() => world.close())
    const good = await world.lab.token('scientist')
    const sas = `sv=2024-11-04&sr=b&sp=r&sig=${CANARY}%2Babc%3D`
    const json = { 'content-type': 'application/json' }
    let sent = 0
    const call = async (
      path: string,
      method = 'GET',
      headers: Record<string, string | string[]> = {},
      body?: string,
    ) => {
      sent += 1
      const bearer = { authorization: `Bearer ${good}` }
      return world
        .send(path, {
          method,
          headers: { ...bearer, ...headers },
          ...(body === undefined ? {} : { body }),
        })
        .catch(() => undefined)
    }

    // paths: segments that are no resource's name
    for (const path of [
      `/${CANARY}`,
      `/${CANARY}/v1.0/x?${V}`,
      `${W}/${CANARY}?${V}`,
      `${W}/${CANARY}/x?${V}`,
      `${W}/jobs/one/${CANARY}?${V}`,
      `/providers/Microsoft.${CANARY}/things?${V}`,
      `${W}/providers/Microsoft.${CANARY}/things?${V}`,
      `/subscriptions/22222222-2222-4222-8222-222222222222/${CANARY}?${V}`,
      `/history/${CANARY}`,
      `/mlflow/${CANARY}`,
      `/history/v1.0${W}/${CANARY}`,
      `/_harness/${CANARY}`,
      `/scoring/${CANARY}`,
      `${W}/%${CANARY}?${V}`,
      `${W}/../${CANARY}?${V}`,
      `${W}/%2e%2e/${CANARY}?${V}`,
      `${W}/jobs;${CANARY}?${V}`,
      `${W}/jobs/a%22${CANARY}%22b/%22${CANARY}?${V}`,
      `https://${CANARY}.example/x`,
      `//${CANARY}.example/x`,
    ]) {
      await call(path)
      await call(path, 'PUT', json, '{}')
    }
    // query names and values
    for (const query of [
      `${V}&${CANARY}=1`,
      `${V}&${CANARY}`,
      `${V}&x=${CANARY}`,
      `${V}&$filter=${CANARY}`,
      `api-version=${CANARY}`,
      `${V}&${sas}`,
      `${V}&access_token=${CANARY}`,
      `${V}&${CANARY}=1&${CANARY}=2`,
      `${V}&sig=${CANARY}`,
      `${V}&code=${CANARY}`,
    ]) {
      await call(`${W}/jobs?${query}`)
      await call(`/${CANARY}?${query}`)
    }
    // methods, headers by name and by value
    await call(`${W}/jobs?${V}`, 'PROPFIND')
    for (const headers of [
      { [CANARY]: '1' },
      { [`x-${CANARY}`]: CANARY },
      { [`x-${CANARY}`]: '\u00e9' },
      { 'x-forwarded-for': CANARY, forwarded: `for=${CANARY}` },
      { 'x-ms-client-request-id': CANARY, 'x-ms-correlation-request-id': CANARY },
      { 'user-agent': `azsdk-js-${CANARY}/1.0 ${CANARY} mlflow-python-client/${CANARY}` },
      { 'user-agent': `curl/${CANARY}` },
      { 'x-ms-authorization-auxiliary': `Bearer ${CANARY}` },
      { 'x-http-method-override': CANARY },
      { cookie: CANARY, referer: `https://${CANARY}`, traceparent: CANARY },
      { 'content-type': CANARY },
      { 'transfer-encoding': CANARY },
      { 'if-match': CANARY },
      { 'accept-language': CANARY, accept: CANARY },
      { host: `${CANARY}.example` },
      { dpop: CANARY },
      { expect: CANARY },
      { upgrade: CANARY, connection: 'upgrade' },
      { 'proxy-authorization': `Basic ${CANARY}` },
    ]) {
      await call(`${W}/jobs?${V}`, 'GET', headers)
      await call(`${W}/jobs/one?${V}`, 'PUT', { ...json, ...headers }, '{}')
    }
    // tokens that are none, and tokens whose claims are odd
    const [, payload = '', signature = ''] = good.split('.')
    for (const token of [
      CANARY,
      `${CANARY}.${CANARY}.${CANARY}`,
      `${b64({ alg: CANARY, kid: CANARY, jku: CANARY })}.${payload}.${signature}`,
      `${b64({ alg: 'RS256', kid: CANARY, crit: [CANARY] })}.${payload}.${signature}`,
      `${b64({ alg: 'RS256', typ: CANARY, kid: 'a' })}.${b64({ [CANARY]: CANARY, iss: CANARY })}.${CANARY}`,
      ...(await Promise.all(
        [
          { name: CANARY, upn: CANARY, email: CANARY, preferred_username: CANARY, nonce: CANARY },
          { iss: `https://${CANARY}.example/` },
          { aud: CANARY },
          { aud: [CANARY] },
          { tid: CANARY },
          { ver: CANARY },
          { scp: CANARY },
          { scp: [CANARY] },
          { idtyp: CANARY },
          { roles: [CANARY] },
          { roles: CANARY },
          { groups: [CANARY] },
          { amr: [CANARY], acr: CANARY, acrs: [CANARY] },
          { cnf: { jkt: CANARY } },
          { cnf: CANARY },
          { xms_mirid: CANARY, xms_az_rid: CANARY },
          { xms_cc: [CANARY] },
          { _claim_names: { groups: CANARY }, _claim_sources: { [CANARY]: { endpoint: CANARY } } },
          { [CANARY]: CANARY, __proto__x: CANARY },
          { act: { sub: CANARY }, sub: CANARY },
        ].map((claims) => world.lab.token('scientist', { claims })),
      )),
    ]) {
      await call(`${W}/jobs?${V}`, 'GET', { authorization: `Bearer ${token}` })
      await call(`/${CANARY}`, 'GET', { authorization: `Bearer ${token}` })
    }
    for (const authorization of [
      `Basic ${CANARY}`,
      CANARY,
      `Negotiate ${CANARY}`,
      `Bearer a, Bearer ${CANARY}`,
    ])
      await call(`${W}/jobs?${V}`, 'GET', { authorization })
    // bodies
    for (const body of [
      CANARY,
      `{"${CANARY}":`,
      `{"${CANARY}":1,"${CANARY}":2}`,
      `{"properties":{"jobType":"${CANARY}"}}`,
      `{"properties":{"${CANARY}":{"a":1,"a":2}}}`,
      `{"properties":{"a b${CANARY}":{"a":1,"A":2}}}`,
      `{"properties":{"jobType":"Command","description":"${CANARY}","tags":{"x":"${CANARY}","${CANARY}":"y"},"environmentVariables":{"KEY":"AccountKey=${CANARY}"},"inputs":{"d":{"jobInputType":"uri_file","uri":"https://a.blob.core.windows.net/c/f?${sas}"}}}}`,
      `{"properties":{"environmentId":"${CANARY}","computeId":"${CANARY}","codeId":"azureml:${CANARY}:@latest"}}`,
      `${'['.repeat(200)}"${CANARY}"${']'.repeat(200)}`,
    ]) {
      await call(`${W}/jobs/one?${V}`, 'PUT', json, body)
      await call(`${W}/datastores/one?${V}`, 'PUT', json, body)
      await call(`${W}/jobs/one?${V}`, 'PUT', { ...json, 'content-encoding': CANARY }, body)
    }
    // below HTTP
    for (const bytes of [
      `${CANARY}\r\n\r\n`,
      `GET /${CANARY} HTTP/9.${CANARY}\r\n\r\n`,
      `CONNECT ${CANARY}.example:443 HTTP/1.1\r\nHost: ${CANARY}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\n ${CANARY}: folded\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\n${CANARY} : b\r\n\r\n`,
      `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${CANARY}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\nx: ${CANARY.repeat(8000)}\r\n\r\n`,
    ])
      await world.sendBytes(bytes).catch(() => '')
    await new Promise<void>((done) => {
      const { port: at } = new URL(world.url)
      const socket = connect(
        {
          port: Number(at),
          host: '127.0.0.1',
          servername: `${CANARY}.example`,
          ALPNProtocols: [CANARY],
          rejectUnauthorized: false,
        },
        () => socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
      )
      socket
        .on('error', () => done())
        .on('close', () => done())
        .resume()
    })

    const records = await world.allRecords()
    t.ok(records.length >= sent, `${records.length} records of ${sent} calls`)
    const leaks = records.filter((row) => JSON.stringify(row).includes(CANARY))
    t.same(
      [
        ...new Set(
          leaks.flatMap((row) =>
            Object.entries(row)
              .filter(([name, value]) => name !== 'Ocsf' && JSON.stringify(value).includes(CANARY))
              .map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
          ),
        ),
      ],
      [],
      'no record',
    )
    t.equal(leaks.length, 0, 'nor the event within it')
    const scrape = await fetch(`http://127.0.0.1:${port}/metrics`)
    t.equal(scrape.status, 200)
    t.notMatch(await scrape.text(), CANARY, 'no metric')
    const last = Math.max(...records.map((row) => Number(row['Seq'])))
    const rows = await world.rows((all) => all.some((row) => Number(row['Seq']) >= last))
    t.notMatch(JSON.stringify(rows), CANARY, 'no row at the sink')
    await world.gateway.stop()
    const logs = world.gateway.logs()
    t.match(logs, 'EventUid', 'the log has the rows of the other sink')
    t.same(
      logs.split('\n').filter((line) => line.includes(CANARY)),
      [],
      'no line of the log',
    )
  },
)
