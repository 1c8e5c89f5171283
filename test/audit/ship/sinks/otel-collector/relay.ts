/**
 * A relay of TCP in front of a receiver: lets a batch arrive and keeps its answer back.
 * @module
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from '../../../fixtures.ts'

export interface Relay {
  readonly port: number
  /** From now on what the receiver says goes nowhere. */
  holdAnswers(): void
  /** Ends all connections; new ones are relayed both ways. */
  cut(): void
}

/** Starts one in front of `target`, a port of 127.0.0.1. */
export async function startRelay(t: Test, target: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  let holding = false
  const server = createServer((client) => {
    const receiver = connect(target, '127.0.0.1')
    for (const socket of [client, receiver]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        receiver.destroy()
      })
    }
    client.pipe(receiver)
    receiver.on('data', (chunk: Buffer) => {
      if (!holding) client.write(chunk)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(() => {
    cut()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    holdAnswers() {
      holding = true
    },
    cut() {
      cut()
      holding = false
    },
  }
}
