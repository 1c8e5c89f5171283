/**
 * Reading Azure's answer here, where what goes wrong with it is Azure's failure and not the gateway's.
 * @module
 */
import type { Readable } from 'node:stream'
import { Refusal } from '../errors.ts'
import { upstreamFault } from './transport-faults.ts'

/**
 * The chunks of an answer.
 * @throws {Refusal} how the answer broke off
 */
export async function* chunksOf(stream: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield bytes(chunk)
  } catch (error) {
    throw error instanceof Refusal ? error : upstreamFault(error)
  }
}

/** A whole answer; null if it is longer than `limit` bytes. */
export async function readUpTo(stream: Readable, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(stream)) {
    size += chunk.byteLength
    if (size > limit) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** A stream's chunks have no type of their own. */
function bytes(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  throw new Refusal('internal_error', 'the gateway failed to read the answer', {
    inner: `chunk of type ${typeof chunk}`,
  })
}
