/** Bodies that policy looks into, over real sockets: what is refused is not forwarded and has its record. */
import { createHash } from 'node:crypto'
import { request } from 'node:https'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { startGateway, type World } from '../../support/gateway.ts'
import { workspaceId } from '../../../lab/personas.ts'

const LIMIT = 64 * 1024
const JSON_TYPE = { 'content-type': 'application/json' }
const JOB = '{"properties":{"jobType":"Command","command":"x","environmentId":"azureml:e:1"}}'

let world: World
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({ ...config, limits: { ...config.limits, bodyBytes: LIMIT } }),
    },
  })
})
t.teardown(() => world.close())

const at = (name: string): string => `${workspaceId()}/jobs/${name}?api-version=2024-04-01`

async function put(
  name: string,
  body: string | Buffer,
  headers: Record<string, string> = JSON_TYPE,
) {
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  return world.send(at(name), { method: 'PUT', headers: { authorization, ...headers }, body })
}

const CASES: Readonly<
  Record<
    string,
    { body: string | Buffer; headers?: Record<string, string>; status: number; code: string }
  >
> = {
  'names-twice': {
    body: '{"properties":{"environmentId":"azureml:a:1","environmentId":"azureml:b:1"}}',
    status: 400,
    code: 'bad_body',
  },
  spellings: {
    body: '{"properties":{"environmentId":"azureml:a:1","EnvironmentId":"azureml:b:1"}}',
    status: 400,
    code: 'bad_body',
  },
  'deep-arrays': { body: '['.repeat(60_000), status: 400, code: 'bad_body' },
  'not-json': { body: 'jobType: command', status: 400, code: 'bad_body' },
  'not-an-object': { body: '[]', status: 400, code: 'bad_body' },
  'byte-order-mark': { body: `\ufeff${JOB}`, status: 400, code: 'bad_body' },
  'bad-utf-8': {
    body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    status: 400,
    code: 'bad_body',
  },
  gzip: {
    body: gzipSync(JOB),
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    status: 415,
    code: 'unsupported_media_type',
  },
  'gzip-twice': {
    body: gzipSync(gzipSync(JOB)),
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' },
    status: 415,
    code: 'unsupported_media_type',
  },
  'a-bomb': {
    body: gzipSync(Buffer.alloc(20 * 1024 * 1024)),
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    status: 415,
    code: 'unsupported_media_type',
  },
  'plain-text': {
    body: JOB,
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported_media_type',
  },
  'no-type': { body: JOB, headers: {}, status: 415, code: 'unsupported_media_type' },
  'utf-16': {
    body: JOB,
    headers: { 'content-type': 'application/json; charset=utf-16' },
    status: 415,
    code: 'unsupported_media_type',
  },
  'too-large': { body: JOB.padEnd(LIMIT + 1), status: 413, code: 'body_too_large' },
}
for (const [name, { body, headers, status, code }] of Object.entries(CASES)) {
  t.test(`refused: ${name}`, async (t) => {
    const answer = await put(name, body, headers)
    t.equal(answer.status, status)
    t.equal(answer.code, code)
    t.notOk(
      world.lab.requests().some(({ url }) => url.includes(`/jobs/${name}`)),
      'not forwarded',
    )
    const rows = await world.allRecords()
    t.match(
      rows.filter((row) => row['JobName'] === name),
      [{ RecordKind: 'refused', RefusalCode: code }],
    )
  })
}

t.test('a chunked body over the limit is refused while it still arrives', async (t) => {
  const { hostname, port } = new URL(world.url)
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  let sent = 0
  const status = await new Promise<number>((resolve, reject) => {
    const outgoing = request({
      hostname,
      port,
      method: 'PUT',
      path: at('endless'),
      ca: world.lab.certificates.ca,
      headers: { ...JSON_TYPE, authorization, 'transfer-encoding': 'chunked' },
    })
    let over = false
    outgoing.once('response', (response) => {
      over = true
      resolve(response.statusCode ?? 0)
      response.resume()
      outgoing.destroy()
    })
    outgoing.on('error', (error) => {
      if (!over) reject(error)
    })
    // never ends by itself
    const more = (): void => {
      if (over) return
      sent += 8_192
      outgoing.write(' '.repeat(8_192))
      setTimeout(more, 5)
    }
    more()
  })
  t.equal(status, 413)
  t.ok(sent < 100 * LIMIT, `answered after ${sent} bytes`)
  t.notOk(
    world.lab.requests().some(({ url }) => url.includes('/jobs/endless')),
    'not forwarded',
  )
})

t.test('what no effect changes is forwarded byte for byte, with its own digest', async (t) => {
  // the resource is inspected (its template pins and stamps) but its kind has no tags to stamp
  const body =
    '{ "properties": {"contentsUri":"https://x.example/c", "n":1.0, "big":12345678901234567890}}\n'
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const md5 = createHash('md5').update(body).digest('base64')
  const path = `${workspaceId()}/codes/c/versions/1?api-version=2024-04-01`
  const headers = { ...JSON_TYPE, authorization, 'content-md5': md5 }
  const answer = await world.send(path, { method: 'PUT', headers, body })
  t.ok(answer.status < 300)
  const arrived = world.lab.requests().findLast(({ url }) => url.includes('/codes/c/'))
  t.equal(arrived?.body, body)
  t.equal(arrived?.headers['content-md5'], md5)
})

t.test('a digest of bytes that are not sent any more does not go out', async (t) => {
  const answer = await put('with-md5', JOB, {
    ...JSON_TYPE,
    'content-md5': createHash('md5').update(JOB).digest('base64'),
  })
  t.equal(answer.status, 201)
  const arrived = world.lab.requests().findLast(({ url }) => url.includes('/jobs/with-md5'))
  t.match(arrived?.body, /harness\.digest/)
  t.notOk(Object.hasOwn(arrived?.headers ?? {}, 'content-md5'))
  t.equal(Number(arrived?.headers['content-length']), arrived?.bodyBytes)
})

t.test('a body in many small chunks is one body', async (t) => {
  const { hostname, port } = new URL(world.url)
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const status = await new Promise<number>((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method: 'PUT',
        path: at('chunked'),
        ca: world.lab.certificates.ca,
        headers: { ...JSON_TYPE, authorization, 'transfer-encoding': 'chunked' },
      },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
    outgoing.once('error', reject)
    for (const character of JOB) outgoing.write(character)
    outgoing.end()
  })
  t.equal(status, 201)
  const arrived = world.lab.requests().findLast(({ url }) => url.includes('/jobs/chunked'))
  t.match(
    arrived?.body,
    /^\{"properties":\{"jobType":"Command","command":"x","environmentId":"azureml:e:1","tags":/,
  )
  const rows = (await world.allRecords()).filter((row) => row['JobName'] === 'chunked')
  t.equal(rows[0]?.['BytesIn'], JOB.length)
})
