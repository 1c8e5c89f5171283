/**
 * Answers of any size at constant memory, asked for by name: `big-<bytes>` has a length, `chunked-<bytes>` has none,
 * `bigjson-<bytes>` is one JSON document.
 * @module
 */
import { Readable } from 'node:stream'
import type { Answer } from '../../server/call.ts'

const BLOCK = Buffer.alloc(65_536, 'azure machine learning harness lab. ')
const MAX_BYTES = 16 * 1024 ** 3

function* blocks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= BLOCK.length) {
    yield left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left)
  }
}

function* jsonBlocks(bytes: number): Generator<Buffer> {
  yield Buffer.from('{"value":"')
  yield* blocks(bytes)
  yield Buffer.from('"}')
}

/** Object mode off: one block in flight, not sixteen. */
function streamOf(source: Generator<Buffer>): Readable {
  return Readable.from(source, { objectMode: false })
}

/** Null if the name does not ask for a big answer. */
export function bigAnswer(name: string): Answer | null {
  const match = /^(big|chunked|bigjson)-(\d{1,11})$/.exec(name)
  if (match === null) return null
  const bytes = Math.min(Number(match[2]), MAX_BYTES)
  const octets = { 'content-type': 'application/octet-stream' }
  if (match[1] === 'big') {
    const headers = { ...octets, 'content-length': String(bytes) }
    return { status: 200, headers, body: streamOf(blocks(bytes)) }
  }
  if (match[1] === 'chunked') return { status: 200, headers: octets, body: streamOf(blocks(bytes)) }
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  return { status: 200, headers, body: streamOf(jsonBlocks(bytes)) }
}
