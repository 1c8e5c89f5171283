/**
 * Connections that are cut, held or half spoken on, and what the gateway's process holds of them.
 * @module
 */
import { readdir, readlink } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect } from 'node:tls'
import type { Row, World } from '../../support/gateway.ts'

export interface Held {
  readonly socket: Socket
  /** What came back so far. */
  text(): string
  readonly closed: Promise<string>
  /** Ends it as a peer does that is gone: RST, no FIN. */
  reset(): void
}

/** A connection on which these bytes are written once it stands. */
export async function hold(
  { url, lab }: World,
  bytes: string | Buffer,
  options: { tls?: boolean; read?: boolean; halfOpen?: boolean } = {},
): Promise<Held> {
  const allowHalfOpen = options.halfOpen === true
  const at = { host: '127.0.0.1', port: Number(new URL(url).port), allowHalfOpen }
  const raw = connectTcp(at)
  const socket =
    options.tls === false
      ? raw
      : connect({ socket: raw, ca: lab.certificates.ca, servername: 'localhost' })
  const chunks: Buffer[] = []
  if (options.read !== false) socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (const one of [raw, socket]) one.on('error', () => undefined)
  const text = (): string => Buffer.concat(chunks).toString('latin1')
  const closed = new Promise<string>((done) => {
    raw.once('close', () => done(text()))
  })
  await new Promise<void>((done, fail) => {
    socket.once('error', fail)
    socket.once(options.tls === false ? 'connect' : 'secureConnect', () => done())
  })
  if (bytes.length > 0) await new Promise<void>((done) => socket.write(bytes, () => done()))
  return { socket, text, closed, reset: () => void raw.resetAndDestroy() }
}

/** Sockets that the gateway's process has open. */
export async function descriptors({ gateway }: World): Promise<number> {
  const directory = `/proc/${gateway.pid}/fd`
  const links = await Promise.all(
    (await readdir(directory)).map((fd) => readlink(`${directory}/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link.startsWith('socket:')).length
}

/** All records but the gateway's own events. */
export async function callRows(world: World): Promise<Row[]> {
  return (await world.allRecords()).filter((row) => row['RecordKind'] !== 'gateway')
}
