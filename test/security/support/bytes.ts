/**
 * Requests as bytes over TLS to one gateway, and what became of each.
 * @module
 */
import type t from 'tap'
import { workspaceId } from '../../../lab/personas.ts'
import { startGateway, type Row, type World } from '../../support/gateway.ts'
import { parseAnswer } from '../../support/send.ts'

export const PATH = `${workspaceId()}/jobs`
export const VERSION = 'api-version=2024-04-01'

export let world: World
export let token: string
export let host: string
/** Starts the gateway that all of these functions speak to. */
export async function startBytes(): Promise<World> {
  world = await startGateway()
  token = await world.lab.token('scientist')
  host = new URL(world.url).host
  return world
}

/** A request head; `Host` and a good token unless they are given. */
export function head(first: string, ...headers: string[]): string {
  const has = (name: string): boolean =>
    headers.some((line) => line.toLowerCase().startsWith(`${name}:`))
  const lines = [
    first,
    ...(has('host') ? [] : [`Host: ${host}`]),
    ...(has('authorization') ? [] : [`Authorization: Bearer ${token}`]),
    ...headers,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}
export const GET = `GET ${PATH}?${VERSION} HTTP/1.1`
export const PUT = `PUT ${PATH}/j?${VERSION} HTTP/1.1`
export const CLOSE = 'Connection: close'
/** What an attacker would like the gateway to take for a request of its own. */
export const smuggled = (): string => head(`GET ${PATH}/smuggled?${VERSION} HTTP/1.1`)
export const JSON_BODY = '{"properties":{"jobType":"Command"}}'

export interface Seen {
  answer: ReturnType<typeof parseAnswer>
  bytes: string
  forwarded: ReturnType<World['lab']['requests']>
  /** The last record of each request that this made. */
  ends: Row[]
}

export const isEnd = (row: Row): boolean =>
  ['received', 'refused', 'completed'].includes(String(row['RecordKind']))

/** Sends bytes on a connection of their own; rejects unless the gateway closes it. */
export async function send(bytes: string | Buffer, records = 1): Promise<Seen> {
  const seen = world.lab.requests().length
  const before = (await world.allRecords()).filter(isEnd).length
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the connection was not closed')), 20_000)
  })
  const text = await Promise.race([world.sendBytes(bytes), late]).finally(() => clearTimeout(timer))
  let ends: Row[] = []
  for (let tries = 0; tries < 100 && ends.length < records; tries += 1) {
    if (tries > 0) await new Promise((done) => setTimeout(done, 20))
    ends = (await world.allRecords()).filter(isEnd).slice(before)
  }
  return {
    answer: parseAnswer(text),
    bytes: text,
    forwarded: world.lab.requests().slice(seen),
    ends,
  }
}

export interface HeaderCase {
  row: number
  name: string
  run: (test: typeof t) => Promise<void>
}

/** A request that is refused as a whole: closed, recorded once, and nothing of it or after it forwarded. */
export function refused(
  row: number,
  name: string,
  bytes: () => string | Buffer,
  status: number,
  code?: string,
  records = 1,
  /** What the record may say, where the answer is not all: the head was refused before its body broke off. */
  recorded: number | RegExp = status,
): HeaderCase {
  return {
    row,
    name,
    async run(test) {
      const { answer, forwarded, ends } = await send(bytes(), records)
      test.equal(answer.status, status, answer.text)
      if (code !== undefined) test.equal(answer.code, code)
      test.same(forwarded, [], 'nothing is forwarded')
      test.equal(ends.length, records, 'a record each')
      test.match(ends[0], { Status: recorded })
      for (const end of ends) test.ok(Number(end['Status']) >= 400, 'what follows is refused, too')
    },
  }
}

/** A request that is served, with something in it that must not count. */
export function served(
  row: number,
  name: string,
  lines: () => string[],
  check: (test: typeof t, seen: Seen) => void,
): HeaderCase {
  return {
    row,
    name,
    async run(test) {
      const seen = await send(head(GET, CLOSE, ...lines()))
      test.equal(seen.answer.status, 200, seen.answer.text)
      test.equal(seen.forwarded.length, 1)
      test.match(seen.forwarded[0]?.url, new RegExp(`^${PATH}\\?`), 'it goes where its target says')
      test.equal(seen.ends.length, 1, 'exactly one end')
      check(test, seen)
    },
  }
}

export const noneOf =
  (names: readonly string[]) =>
  (test: typeof t, { forwarded }: Seen) => {
    for (const name of names) test.equal(forwarded[0]?.headers[name], undefined, name)
  }
