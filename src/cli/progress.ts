/**
 * Says on standard error how far a command is, if it takes longer than a second and somebody looks.
 * @module
 */
import type { Io } from './io.ts'

const FIRST_MS = 1_000
const EVERY_MS = 200

/** `add` is told of work that is done; `end` clears the line. */
export interface Progress {
  readonly add: (amount: number) => void
  readonly end: () => void
}

/** @param what what goes on, as in `reading records` @param total in the units of `add` */
export function createProgress(io: Io, what: string, total: number): Progress {
  const started = io.now()
  let done = 0
  let shown = started + FIRST_MS - EVERY_MS
  return {
    add(amount) {
      done += amount
      const now = io.now()
      if (io.progress === undefined || now - shown < EVERY_MS) return
      shown = now
      const share = total > 0 ? Math.min(1, done / total) : 1
      const left = share > 0 ? Math.ceil(((now - started) * (1 - share)) / share / 1_000) : null
      const until = left === null ? '' : `, about ${timeText(left)} left`
      io.progress(`${what}: ${Math.floor(share * 100)}%${until}`)
    },
    end() {
      io.progress?.(null)
    },
  }
}

const timeText = (seconds: number): string =>
  seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
