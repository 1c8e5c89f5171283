/**
 * Load at a steady rate: calls that are served, calls that are refused, callers who hang up, and what is no request. What
 * is counted as sent has certainly reached the gateway.
 * @module
 */
import { Agent } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { workspaceId } from '../../lab/personas.ts'
import { hold } from '../security/support/connection.ts'
import { eventually } from '../support/eventually.ts'
import type { World } from '../support/gateway.ts'
import type { Send } from '../support/send.ts'

const W = workspaceId()
const VERSION = 'api-version=2024-04-01'
const BODY = '{"properties":{"jobType":"Command"}}'
const CONNECTIONS = 32
/** A gateway that is slower than its callers is not given more and more to do. */
const MAX_WAITING = 400
const TICK_MS = 20

/** What the callers saw. */
export interface Counted {
  sent: number
  /** Decision ids of answers. */
  readonly answered: Set<string>
  readonly statuses: Map<string, number>
  /** Calls that were not made because too many waited. */
  heldBack: number
}

export interface Load {
  readonly counted: Counted
  /** Makes calls until `seconds` are over, then waits for what is under way and closes its connections. */
  run(seconds: number, rate: number): Promise<void>
}

export async function createLoad(world: World): Promise<Load> {
  const counted: Counted = { sent: 0, answered: new Set(), statuses: new Map(), heldBack: 0 }
  const [scientist, reader, service] = await Promise.all(
    ['scientist', 'reader', 'service'].map((name) => world.lab.token(name)),
  )
  // first in, first out: no connection is idle for so long that it ends while it is used again
  const agent = new Agent({
    ca: world.lab.certificates.ca,
    keepAlive: true,
    maxSockets: CONNECTIONS,
    scheduling: 'fifo',
  })
  const bearer = (token = ''): Record<string, string> => ({ authorization: `Bearer ${token}` })
  const json = { 'content-type': 'application/json' }
  let number = 0

  function count(what: string): void {
    counted.sent += 1
    counted.statuses.set(what, (counted.statuses.get(what) ?? 0) + 1)
  }

  async function call(path: string, options: Send): Promise<void> {
    try {
      const answer = await world.send(path, { agent, ...options })
      count(String(answer.status))
      const id = answer.headers['x-harness-decision-id']
      if (typeof id === 'string') counted.answered.add(id)
    } catch {
      // an answer of Azure's that broke off breaks off here, too
      count('cut off')
    }
  }

  async function hangUp(method: string, path: string, ...lines: string[]): Promise<void> {
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${new URL(world.url).host}`,
      `Authorization: Bearer ${scientist}`,
      'Expect: 100-continue',
      ...lines,
    ].join('\r\n')
    const one = await hold(world, `${head}\r\n\r\n`)
    // only who was told to go on is known to have been heard
    await eventually('an answer of any kind', () => one.text() !== '' || one.socket.closed)
    await delay(Math.random() * 100)
    one.reset()
    await one.closed
    count('hung up')
  }

  async function noRequest(bytes: string): Promise<void> {
    const one = await hold(world, bytes)
    one.socket.end()
    await one.closed
    count('no request')
  }

  const job = (name = `soak${(number += 1)}`): string => `${W}/jobs/${name}?${VERSION}`
  const elsewhere = (): string => job().replace('ws-lab', 'ws-other')
  const KINDS: readonly (readonly [number, () => Promise<void>])[] = [
    [30, () => call(`${W}/jobs?${VERSION}`, { headers: bearer(scientist) })],
    [10, () => call(`${W}/datastores?${VERSION}`, { headers: bearer(reader) })],
    [5, () => call(`/history/v1.0${W}/runs/soak`, { headers: bearer(scientist) })],
    [20, () => call(job(`soak${number % 50}`), { method: 'PUT', headers: { ...bearer(scientist), ...json }, body: BODY })],
    [5, () => call(job(`soak${number % 50}`), { method: 'DELETE', headers: bearer(scientist) })],
    [5, () => call(job(), { method: 'PUT', headers: { ...bearer(reader), ...json }, body: BODY })],
    [5, () => call(elsewhere(), { headers: bearer(service) })],
    [5, () => call(job(), {})],
    [3, () => call(job(), { headers: bearer(`${scientist?.slice(0, -9)}AAAAAAAAA`) })],
    [3, () => call(`/soak${(number += 1)}`, { headers: bearer(scientist) })],
    [3, () => hangUp('GET', `${W}/jobs?${VERSION}`)],
    [2, () => hangUp('PUT', job(), 'Content-Type: application/json', 'Content-Length: 999')],
    [2, () => noRequest('GET / HTTP/1.1\r\nHost:')],
    [2, () => noRequest('NONSENSE\r\n\r\n')],
  ] // prettier-ignore
  const all = KINDS.flatMap(([weight, make]) => Array.from({ length: weight }, () => make))

  return {
    counted,
    async run(seconds, rate) {
      const waiting = new Set<Promise<void>>()
      const began = performance.now()
      let made = 0
      for (;;) {
        const elapsed = (performance.now() - began) / 1_000
        if (elapsed >= seconds) break
        for (; made < elapsed * rate; made += 1) {
          const make = all[Math.floor(Math.random() * all.length)]
          if (make === undefined || waiting.size >= MAX_WAITING) {
            counted.heldBack += 1
            continue
          }
          const one = make().finally(() => waiting.delete(one))
          waiting.add(one)
        }
        await delay(TICK_MS)
      }
      await Promise.all(waiting)
      agent.destroy()
    },
  }
}
