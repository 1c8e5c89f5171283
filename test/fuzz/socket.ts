/**
 * Fuzzing of the socket: any stream of bytes against a running gateway. Each request has at most one answer, in order;
 * what follows something unreadable is not served; nothing that is refused reaches Azure; and every stream is on record.
 * @module
 */
import * as fc from 'fast-check'
import { setTimeout as delay } from 'node:timers/promises'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { createTail } from '../support/spool-tail.ts'
import { openIntents } from '../support/trail.ts'
import { hold, type Held } from '../security/support/connection.ts'
import {
  answersIn,
  bytesOf,
  partsOf,
  PIECES,
  stream,
  type Stream,
  type StreamAnswer,
} from './byte-streams.ts'
import { demand, type FuzzTarget, type Ready } from './target.ts'

/** Half a head or body waits this long. */
const TIMEOUT_MS = 1_000
/** For the gateway to answer all and to close. */
const PATIENCE_MS = 15_000
/** For the last record of a connection that is closed. */
const RECORD_MS = 5_000
const POLL_MS = 10

/** What came of one stream. */
interface Seen {
  readonly text: string
  readonly port: number
}

async function play(world: World, one: Stream, bytes: Buffer, answers: number): Promise<Seen> {
  const held = await hold(world, '', { tls: !one.plain })
  const port = held.socket.localPort ?? 0
  for (const part of partsOf(bytes, one.cuts)) {
    // the gateway may have closed it already
    if (held.socket.writable) held.socket.write(part)
    await delay(one.pauseMs)
  }
  if (one.ends === 'rst') held.reset()
  if (one.ends === 'fin') held.socket.end()
  if (one.ends === 'wait') await answered(held, one, answers)
  const late = delay(PATIENCE_MS, 'late', { ref: false })
  demand((await Promise.race([held.closed, late])) !== 'late', 'the connection was not closed')
  return { text: held.text(), port }
}

/** Until the gateway has closed the connection, or has answered all and waits for more. */
async function answered(held: Held, one: Stream, answers: number): Promise<void> {
  const methods = one.pieces.map(({ kind }) => PIECES[kind].method)
  const until = Date.now() + PATIENCE_MS
  const breaks = one.plain || one.pieces.some(({ kind }) => PIECES[kind].is === 'breaks')
  while (!held.socket.closed && Date.now() < until) {
    if (!breaks && complete(held.text(), methods) >= answers) break
    await delay(POLL_MS)
  }
  held.socket.end()
}

/** Answers that are here to their last byte. */
function complete(text: string, methods: readonly string[]): number {
  for (let count = methods.length; count > 0; count -= 1) {
    try {
      return Math.min(answersIn(text, methods, count).length, count)
    } catch {
      // the last of them is still on its way
    }
  }
  return 0
}

/** What the model says of a stream: how many requests come before the first thing that is none, or may not be one. */
function expected(one: Stream): { requests: number; breaks: boolean } {
  const at = one.plain ? 0 : one.pieces.findIndex(({ kind }) => PIECES[kind].is === 'breaks')
  return at === -1 ? { requests: one.pieces.length, breaks: false } : { requests: at, breaks: true }
}

function check(
  one: Stream,
  { text, port }: Seen,
  rows: readonly Row[],
  world: World,
  name: string,
) {
  const { requests, breaks } = expected(one)
  const own = rows.filter((row) => row['SourcePort'] === port && row['RecordKind'] !== 'gateway')
  const methods = one.pieces.map(({ kind }) => PIECES[kind].method)
  const whole = one.ends === 'wait' && !one.plain
  // a TLS alert is no HTTP
  const answers = one.plain ? [] : answersIn(text, methods, whole ? requests : 0)
  if (whole) demand(answers.length >= requests, `${answers.length} answers of ${requests}`)
  demand(answers.length <= one.pieces.length, `${answers.length} answers`)
  demand(breaks || answers.length <= requests, 'more answers than requests')
  const served = answers.slice(0, requests)
  for (const [at, answer] of served.entries()) checkAnswer(one, at, answer, own, `${name}x${at}`)
  for (const { status } of answers.slice(requests))
    demand(status >= 400, `what follows a break is answered ${status}`)
  for (const { id } of answers)
    demand(
      own.some((row) => row['ExchangeId'] === id),
      `an answer without a record: ${id}`,
    )
  demand(own.length > 0 || one.ends === 'rst', 'the stream has no record')
  if (whole) {
    const exchanges = new Set(own.map((row) => row['ExchangeId'])).size
    demand(exchanges >= requests + (breaks ? 1 : 0), `${exchanges} exchanges on record`)
  }
  const open = openIntents(own)
  demand(open.length === 0, `${open.length} calls have no end on record`)
  checkForwarded(one, requests, world, name, whole)
}

function checkAnswer(
  { pieces }: Stream,
  at: number,
  { status, id }: StreamAnswer,
  rows: readonly Row[],
  name: string,
): void {
  const { kind } = pieces[at] ?? { kind: 'garbage' as const }
  const its = rows.filter((row) => row['ExchangeId'] === id)
  demand(its.length > 0, `answer ${at} names no record of this connection`)
  const forwarded = PIECES[kind].is === 'forwarded'
  const where = `answer ${at} (${kind}, ${status})`
  demand(its.some((row) => row['RecordKind'] === 'authorized') === forwarded, `${where}: its record`)
  demand(status < 500 && (forwarded || status >= 400), where)
  if (forwarded) demand(its.every((row) => row['JobName'] === name), `${where} is of another request`)
} // prettier-ignore

function checkForwarded(
  { pieces }: Stream,
  requests: number,
  world: World,
  name: string,
  whole: boolean,
): void {
  const seen = world.lab.requests().filter(({ url }) => url.includes(`${name}x`))
  for (const [at, { kind }] of pieces.entries()) {
    const { is, method } = PIECES[kind]
    const its = seen.filter(({ url }) => url.includes(`/${name}x${at}?`))
    const mine = its.filter((entry) => entry.method === method)
    const may = at < requests && is === 'forwarded'
    // the document that is there is asked before it is changed
    demand(may || its.length === 0, `${kind} at ${at} reached azure`)
    demand(mine.length <= 1, `${kind} at ${at} reached azure ${mine.length} times`)
    if (may && whole) demand(mine.length === 1, `${kind} at ${at} did not reach azure`)
  }
}

async function openSocket(): Promise<Ready> {
  const world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: {
          ...config.limits,
          headersTimeoutMs: TIMEOUT_MS,
          bodyPauseMs: TIMEOUT_MS,
          bodyBytesPerSecond: 100,
        },
      }),
    },
  })
  const token = await world.lab.token('scientist')
  const around = { host: new URL(world.url).host, token }
  const rows: Row[] = []
  const tail = createTail(world.gateway.config.audit.spool.directory)
  let number = 0
  const property = fc.asyncProperty(stream, async (one) => {
    number += 1
    const name = `fuzz${number}`
    const bytes = bytesOf(one, (at) => `${name}x${at}`, around)
    const seen = await play(world, one, bytes, expected(one).requests)
    const until = Date.now() + RECORD_MS
    for (;;) {
      try {
        rows.push(...(await tail()))
        check(one, seen, rows, world, name)
        return
      } catch (error) {
        // the last record follows the last byte
        if (Date.now() > until) throw error
        await delay(POLL_MS)
      }
    }
  })
  return { property, close: () => world.close() }
}

export const socket: FuzzTarget = {
  holds:
    'each request one answer, in order; what is refused or unreadable never reaches Azure; all on record',
  cases: 150,
  open: openSocket,
}
