/**
 * Counts the collections of the whole heap while a gateway's own process keeps more and more: `--import` of this file in
 * `execArgv`.
 */
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { numberOf } from './ask.ts'
import type { Gateway } from '../../../lab/gateway/gateway.ts'

const MARK = 'collected: '
/** So much of the heap is alive at the end, times what was at the beginning. */
const TIMES = 1.5
/** What is kept in one step: small objects, so slowly that V8 expects no more of them soon. */
const OBJECTS = 1_500
const STEP_MS = 15
/** Collections are told of some time after. */
const TOLD_MS = 500

/** How often the whole heap was collected while what is alive in it grew by half. */
export const collectedWhileGrowing = (gateway: Gateway): Promise<number> => numberOf(gateway, MARK)

async function count(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  await delay(TOLD_MS)
  let collected = 0
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (isMajor(entry)) collected += 1
  })
  observer.observe({ entryTypes: ['gc'] })
  const kept: object[][] = []
  const enough = getHeapStatistics().used_heap_size * TIMES
  while (getHeapStatistics().used_heap_size < enough) {
    kept.push(Array.from({ length: OBJECTS }, (_, n) => ({ n, list: [n, n] })))
    await delay(STEP_MS)
  }
  await delay(TOLD_MS)
  observer.disconnect()
  kept.length = 0
  return collected
}

/** Entries of this kind have what they are of in `detail`, which their type does not know. */
const isMajor = (entry: PerformanceEntry): boolean =>
  (entry as PerformanceEntry & { readonly detail: { readonly kind: number } }).detail.kind ===
  constants.NODE_PERFORMANCE_GC_MAJOR

if (process.argv[2] === 'serve') {
  process.on('SIGUSR2', () => {
    void count().then((collected) => process.stdout.write(`${MARK}${collected}\n`))
  })
}
