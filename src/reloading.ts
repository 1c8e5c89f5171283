/**
 * Loads the policies again when their files change or on SIGHUP, and records how that ended; records which bindings begin
 * and end by their own period.
 * @module
 */
import type { Recorder } from './audit/recorder.ts'
import { counter, gauge, single, type Metric } from './lib/metric.ts'
import type { Binding } from './policy/load/bindings.ts'
import { faultText, PolicyError } from './policy/load/faults.ts'
import { endingWithin } from './policy/load/period.ts'
import type { LivePolicy, Reloaded } from './policy/reload.ts'
import type { Sightings } from './policy/sightings.ts'
import type { Watch } from './lib/files/watch.ts'
import type { Log } from './lib/log.ts'

/** Why policies are loaded again. */
export type Trigger = 'files' | 'signal'

export interface ReloadingOptions {
  readonly live: LivePolicy
  readonly watch: Watch
  readonly sightings: Sightings
  readonly recorder: Pick<Recorder, 'event'>
  readonly log: { readonly info: Log; readonly error: Log }
  readonly now: () => number
  /** Which commit the files are of now; null if that is not known. */
  readonly commit: () => Promise<string | null>
}

export interface Reloading {
  /** Watches the files from now on. */
  readonly start: () => void
  /** Loads again now. Resolves once the result is logged and recorded; never rejects. */
  readonly reload: (trigger: Trigger) => Promise<void>
  readonly metrics: () => readonly Metric[]
  readonly close: () => void
}

/** Milliseconds between looks at the clock: it may be set meanwhile. */
const LONGEST_WAIT = 60_000
/** Bindings that end within so many days are counted. */
const ENDING_DAYS = 14

/** A binding that no call has used for this long counts as stale. */
const STALE_DAYS = 30

/** Each decision takes the policies that are in force at that moment. */
export function createReloading(options: ReloadingOptions): Reloading {
  const { live, sightings, recorder, log, now } = options
  const counts = new Map<Reloaded['outcome'], number>([
    ['changed', 0],
    ['unchanged', 0],
    ['kept', 0],
  ])
  const periods = createPeriods(options)
  let stop: (() => void) | null = null
  let sound = true

  async function reload(trigger: Trigger): Promise<void> {
    const commit = await options.commit()
    const ended = await live.reload()
    counts.set(ended.outcome, (counts.get(ended.outcome) ?? 0) + 1)
    sound = ended.outcome !== 'kept'
    await periods.look()
    // files of another commit may have come meanwhile: then it is not known which were read
    const isKnown = commit !== null && commit === (await options.commit())
    const fields = { trigger, ...detailOf(ended), ...(isKnown ? { commit } : {}) }
    if (ended.outcome === 'kept') {
      log.error(fields, 'the policies cannot be used: the last good ones stay in force')
    } else log.info(fields, `the policies were read again: ${ended.outcome}`)
    // the files were touched and say the same: there is nothing to record
    if (ended.outcome === 'unchanged') return
    await recorder.event('policy_reload', fields).catch(() => {
      log.error(fields, 'the reload could not be recorded')
    })
  }

  return {
    reload,
    start() {
      stop ??= options.watch(() => reload('files'))
      void periods.look()
    },
    metrics: () => [
      counter(
        'policy_reloads_total',
        [...counts].map(([outcome, value]) => ({ labels: { outcome }, value })),
      ),
      gauge('policy_files_sound', single(sound ? 1 : 0)),
      gauge(
        'policy_bindings_stale',
        single(sightings.stale(live.current(), STALE_DAYS, now()).length),
      ),
      gauge(
        'policy_bindings_ending',
        single(endingWithin(live.current().bindings.bindings, ENDING_DAYS, now()).length),
      ),
      gauge(
        'policy_bindings_watched_seconds',
        single(Math.round((now() - sightings.since) / 1000)),
      ),
    ],
    close() {
      stop?.()
      stop = null
      periods.close()
    },
  }
}

/** Looks at each instant at which a binding begins or ends. Calls are judged right without it: it is for the record. */
function createPeriods({ live, recorder, log, now }: ReloadingOptions): {
  readonly look: () => Promise<void>
  readonly close: () => void
} {
  let timer: NodeJS.Timeout | null = null
  let closed = false

  async function tell(name: string, { id, template, file, line }: Binding): Promise<void> {
    const fields = { binding: id, template, file: `${file}:${line}` }
    log.info(fields, name === 'binding_expired' ? 'a binding has ended' : 'a binding has begun')
    await recorder.event(name, fields).catch(() => {
      log.error(fields, 'the end or beginning of a binding could not be recorded')
    })
  }
  async function look(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    const { began, ended, next } = live.turns()
    if (!closed && next !== null) {
      timer = setTimeout(() => void look(), Math.min(Math.max(next - now(), 0), LONGEST_WAIT))
      timer.unref()
    }
    for (const binding of ended) await tell('binding_expired', binding)
    for (const binding of began) await tell('binding_started', binding)
  }
  return {
    look,
    close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}

function detailOf(ended: Reloaded): Readonly<Record<string, string | number>> {
  switch (ended.outcome) {
    case 'changed':
      return { outcome: ended.outcome, before: ended.before, version: ended.after }
    case 'unchanged':
      return { outcome: ended.outcome, version: ended.version }
    case 'kept':
      return {
        outcome: ended.outcome,
        version: ended.version,
        faults:
          ended.error instanceof PolicyError
            ? ended.error.faults.map(faultText).join(' | ')
            : ended.error.name,
      }
    default:
      return ended satisfies never
  }
}
