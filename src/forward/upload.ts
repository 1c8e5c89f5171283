/**
 * The caller's body on its way to Azure. Azure may end the call before it has read it; what is sent to Azure is then
 * given up, and the caller's connection stays, because its answer goes out on it.
 * @module
 */
import { Readable } from 'node:stream'

/**
 * The same bytes at the reader's pace. Whoever destroys it stops reading `source` and does not destroy it.
 * @param passed called with the length of each piece
 */
export function uploadOf(source: Readable, passed: (bytes: number) => void): Readable {
  const upload = new Readable({
    read: () => void source.resume(),
    destroy(error, done) {
      source.off('data', take).off('end', end).off('close', close).pause()
      done(error)
    },
  })
  function take(chunk: Buffer): void {
    passed(chunk.byteLength)
    if (!upload.push(chunk)) source.pause()
  }
  function end(): void {
    source.off('close', close)
    upload.push(null)
  }
  // the caller has gone
  const close = (): void => void upload.destroy(source.errored ?? new Error('the body broke off'))
  // without a listener it would end the process; what becomes of it is told by `close`
  source.on('error', () => undefined)
  source.on('data', take).once('end', end).once('close', close)
  return upload
}
