/**
 * Callers without a usable token, many and from several addresses, and what of them is on record.
 * @module
 */
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { workspaceId } from '../../../lab/personas.ts'
import { eventually } from '../../support/eventually.ts'
import type { Row, World } from '../../support/gateway.ts'

const PATH = `${workspaceId()}/jobs?api-version=2024-04-01`
const AT_ONCE = 16

/** Runs `task` so many times, a few at once. */
async function times<T>(count: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results.push(await task(index))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return results
}

export interface Refused {
  readonly status: number
  readonly id: string
}

/** Requests with a token that nobody issued, over kept connections from `from`. */
export async function badTokens(
  { url, lab }: World,
  count: number,
  from = '127.0.0.1',
): Promise<Refused[]> {
  const { port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE, ca: lab.certificates.ca })
  try {
    return await times(
      count,
      () =>
        new Promise<Refused>((resolve, reject) => {
          const outgoing = request(
            {
              host: '127.0.0.1',
              port,
              path: PATH,
              servername: 'localhost',
              localAddress: from,
              agent,
              headers: { host: `localhost:${port}`, authorization: 'Bearer a.b.c' },
            },
            (response) => {
              response.resume()
              response.once('end', () => {
                const id = response.headers['x-harness-decision-id']
                resolve({ status: response.statusCode ?? 0, id: String(id) })
              })
            },
          )
          outgoing.once('error', reject)
          outgoing.end()
        }),
    )
  } finally {
    agent.destroy()
  }
}

/** Connections with bytes that are no TLS. */
export async function garbage({ url }: World, count: number, from: string): Promise<void> {
  const port = Number(new URL(url).port)
  await times(
    count,
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connectTcp({ host: '127.0.0.1', port, localAddress: from }, () =>
          socket.write('garbage\r\n\r\n'),
        )
        let stood = false
        socket.once('connect', () => {
          stood = true
        })
        socket.resume()
        socket.once('error', (error) => {
          if (!stood) reject(error)
        })
        socket.once('close', () => resolve())
      }),
  )
}

/** TLS handshakes with a version that is not served. */
export async function failedHandshakes({ url }: World, count: number, from: string): Promise<void> {
  const port = Number(new URL(url).port)
  await times(
    count,
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connectTls({
          socket: connectTcp({ host: '127.0.0.1', port, localAddress: from }),
          servername: 'localhost',
          minVersion: 'TLSv1.1',
          maxVersion: 'TLSv1.1',
          ciphers: 'DEFAULT@SECLEVEL=0',
          rejectUnauthorized: false,
        })
        socket.once('secureConnect', () => reject(new Error('TLS 1.1 is served')))
        socket.on('error', () => undefined)
        socket.once('close', () => resolve())
      }),
  )
}

/** Refusals of one source, as the record has them. */
export interface Recorded {
  /** With a record of their own. */
  readonly own: readonly Row[]
  readonly summaries: readonly Row[]
  /** All refusals that these records stand for. */
  readonly total: number
}

export function recordedOf(rows: readonly Row[], source: string): Recorded {
  const ofSource = rows.filter(
    (row) => row['SourceIp'] === source && row['PrincipalId'] === undefined,
  )
  const own = ofSource.filter((row) => ['refused', 'received'].includes(String(row['RecordKind'])))
  const summaries = ofSource.filter((row) => row['RecordKind'] === 'summary')
  const counted = summaries.reduce((sum, row) => sum + Number(row['Count']), 0)
  return { own, summaries, total: own.length + counted }
}

/** Waits until the record stands for `count` refusals of this source. */
export function recorded(world: World, source: string, count: number): Promise<Recorded> {
  return eventually(`${count} refusals of ${source} are on record`, async () => {
    const found = recordedOf(await world.allRecords(), source)
    return found.total >= count && found
  })
}
