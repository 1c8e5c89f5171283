/** A body that breaks off: one answer, one record, and both say the same, whatever was decided first. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startGateway, type Row, type World } from '../support/gateway.ts'

import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'

const PATH = `${workspaceId()}/jobs/j?api-version=2024-04-01`
/** No chunk begins with this. */
const BROKEN = 'ZZ\r\nx\r\n'

let world: World
const tokens: Record<string, string> = {}
t.before(async () => {
  world = await startGateway()
  for (const name of ['scientist', 'reader', 'outsider']) tokens[name] = await world.lab.token(name)
})
t.teardown(() => world.close())

/** Statuses of all answers on the connection, and the last record of the request. */
async function breakOff(
  authorization: readonly string[],
  afterMs: number | null,
): Promise<{ statuses: number[]; codes: string[]; record: Row; rows: readonly Row[] }> {
  const id = randomUUID()
  const { host, hostname, port } = new URL(world.url)
  const head =
    [
      `PUT ${PATH} HTTP/1.1`,
      `Host: ${host}`,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
      `x-ms-client-request-id: ${id}`,
      ...authorization,
    ].join('\r\n') + '\r\n\r\n'
  const socket = connect({
    host: hostname,
    port: Number(port),
    ca: world.lab.certificates.ca,
    servername: hostname,
  })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise((done) => socket.once('close', done))
  await once(socket, 'secureConnect')
  if (afterMs === null) socket.write(head + BROKEN)
  else {
    socket.write(head)
    await delay(afterMs)
    socket.write(BROKEN)
  }
  await closed
  const of = async (): Promise<Row[]> =>
    (await world.allRecords()).filter((row) => row['ClientRequestId'] === id)
  await eventually('its record', async () =>
    (await of()).some((row) => row['RecordKind'] !== 'authorized'),
  )
  const text = Buffer.concat(chunks).toString('latin1')
  const rows = await of()
  const record = rows.at(-1)
  if (record === undefined) throw new Error('no record')
  return {
    statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)),
    codes: [...text.matchAll(/"code":"(\w+)"/g)].map(([, code]) => String(code)),
    record,
    rows,
  }
}

const CALLERS = [
  ['without a token', () => []],
  ['with a token that is none', () => ['Authorization: Bearer a.b.c']],
  ['that policy refuses', () => [`Authorization: Bearer ${tokens['outsider']}`]],
  ['that policy permits', () => [`Authorization: Bearer ${tokens['scientist']}`]],
] as const

for (const [what, authorization] of CALLERS) {
  t.test(`a request ${what}: the answer says what the record says`, async (t) => {
    // in one packet, and at every moment of its way
    for (const afterMs of [null, 0, 1, 2, 3, 4, 6, 8, 12, 20, 40]) {
      const { statuses, codes, record, rows } = await breakOff(authorization(), afterMs)
      const when = afterMs === null ? 'at once' : `after ${afterMs} ms`
      t.equal(statuses.length, 1, `${when}: one answer`)
      t.equal(codes[0], record['RefusalCode'], `${when}: ${codes[0]}`)
      t.equal(record['Status'], statuses[0], `${when}: one status`)
      if (record['RecordKind'] === 'refused') t.equal(rows.length, 1, `${when}: one record`)
    }
  })
}
