/**
 * Standard output: one OCSF event a line, for platforms that collect what a container prints.
 * @module
 */
import { write } from 'node:fs'
import { baseOf, type Sink, type SinkDefinition } from './sink.ts'
import { codeOf } from '../../../lib/error-code.ts'

const LIMIT_BYTES = 256_000
const FULL_PIPE_WAIT_MS = 5

const put = (fd: number, data: Buffer, offset: number): Promise<number> =>
  new Promise((resolve, reject) => {
    write(fd, data, offset, data.length - offset, null, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })

/** Writes to `fd`; accepted means only that the pipe had room for it. */
export function createStdoutSink(name: string, required: boolean, fd = 1): Sink {
  return {
    name,
    kind: 'stdout',
    required,
    limitBytes: LIMIT_BYTES,
    atOnce: 1,
    async send(batch, signal) {
      const data = batch.lines()
      for (let done = 0; done < data.length;) {
        // a time-out ends the write before its first byte only: it must not leave half a line
        if (done === 0 && signal.aborted) return { kind: 'retry', why: 'timed out' }
        try {
          done += await put(fd, data, done)
        } catch (error) {
          if (codeOf(error) !== 'EAGAIN') return { kind: 'retry', why: codeOf(error) }
          await new Promise((resolve) => {
            setTimeout(resolve, FULL_PIPE_WAIT_MS)
          })
        }
      }
      return { kind: 'accepted' }
    },
    close: () => Promise.resolve(),
  }
}

/** The kind `stdout`. */
export const stdout: SinkDefinition<'stdout'> = {
  acknowledged: 'the pipe took it',
  ocsf: true,
  scope: null,
  make(config) {
    const { name, required } = baseOf(config)
    return createStdoutSink(name, required)
  },
  examine: () => Promise.resolve({ status: 'ok', what: 'writes to standard output', next: null }),
}
