/**
 * Compresses what is sent to sinks: one text at a time, whatever sink it is for. Compression is done by the same four threads
 * as writing and syncing of records, and takes one for some 10 ms: four at once would have every request wait for them.
 * @module
 */
import { promisify } from 'node:util'
import { constants, gzip, type ZlibOptions } from 'node:zlib'
import { createTurns } from '../../../lib/single-flight.ts'

/** The text as gzip. A buffer must stay as it is until then. */
export type Compress = (text: string | Buffer) => Promise<Buffer<ArrayBuffer>>

/**
 * The fastest level: records of one batch are alike, so that it becomes less than a tenth. All of it at once, into one piece:
 * without `flush` the end of it would be a second turn of the thread pool, and a copy. Higher levels save 2 %; other
 * strategies and smaller windows take more CPU, because they leave more to write.
 */
const EFFORT = {
  level: constants.Z_BEST_SPEED,
  chunkSize: 131_072,
  flush: constants.Z_FINISH,
}

/** @param pack is never called again before it is done */
export function createCompress(pack: Compress): Compress {
  const inTurn = createTurns()
  return (text) => inTurn(() => pack(text))()
}

const zip = promisify<string | Buffer, ZlibOptions, Buffer<ArrayBuffer>>(gzip)

export const compress = createCompress((text) => zip(text, EFFORT))
