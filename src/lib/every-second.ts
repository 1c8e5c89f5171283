/**
 * Something that is done each second, for as long as its owner lives.
 * @module
 */

const SECOND_MS = 1_000

/**
 * Runs `task` each second, never twice at once: one run can take longer. What it throws is for it to report.
 * @returns what stops it, and resolves when the last run is over
 */
export function everySecond(task: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  const timer = setInterval(() => {
    running ??= task()
      .catch(() => undefined)
      .finally(() => {
        running = null
      })
  }, SECOND_MS)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await running
  }
}
