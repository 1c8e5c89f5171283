/**
 * Says on standard error what is measured at the moment, and for how long it has been: a bench takes minutes.
 */

const began = performance.now()

/** `12:05 what`: minutes and seconds since the command began. */
export function progress(what: string): void {
  const seconds = Math.floor((performance.now() - began) / 1000)
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  process.stderr.write(`  ${time.padStart(6)} ${what}\n`)
}
