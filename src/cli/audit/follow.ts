/**
 * Waits for records: the operating system says when a spool has changed, so that waiting costs nothing.
 * @module
 */
import { watch } from 'node:fs'
import { once } from 'node:events'
import { endOf, readAdded, readSpool, type SpooledRow } from '../../audit/inspect/stream.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import type { Io } from '../io.ts'
import { damageText } from './spool-rows.ts'

/** File systems over a network tell of no change: then one look in so many milliseconds has to do. */
const LOOK_MS = 5_000

/**
 * Records from `since` on, if it is given, then those that come, until the command is interrupted.
 * @param since milliseconds since the epoch; -Infinity is from now on
 */
export async function* follow(
  directory: string,
  since: number,
  io: Io,
): AsyncGenerator<Pick<SpooledRow, 'text' | 'columns'>> {
  const { signal } = io
  const offsets = endOf(directory)
  if (since > -Infinity) {
    const upTo = new Map(offsets)
    for await (const found of readSpool(directory, { since, upTo })) {
      if (found.kind === 'row') yield found
      else io.err(damageText(found))
    }
  }
  const changes = new EventTarget()
  const changed = (): void => void changes.dispatchEvent(new Event('change'))
  const watchers = [directory, ...chainsIn(directory)].map((path) =>
    watch(path, { persistent: false, signal }, changed),
  )
  for (const watcher of watchers) watcher.on('error', () => {})
  const timer = setInterval(changed, LOOK_MS)
  try {
    while (!signal.aborted) {
      // asked for before the look, so that a change during it is not missed
      const next = once(changes, 'change', { signal }).catch(() => {})
      yield* readAdded(directory, offsets)
      await next
    }
  } finally {
    clearInterval(timer)
    for (const watcher of watchers) watcher.close()
  }
}
