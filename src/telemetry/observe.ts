/**
 * The stages of the pipeline, watched from outside: each is what it was, and its time is taken.
 *
 * What is known already is not put off by it: a stage that answers at once is measured without a promise.
 * @module
 */
import { performance } from 'node:perf_hooks'
import type { Exchange } from '../exchange.ts'
import { after, isPending, type Pending } from '../lib/pending.ts'
import type { Stages } from '../stages.ts'
import type { CallClass, Durations, End, Measured } from './durations.ts'

/** What else is told of calls, as traces are; times are those of `performance.now()`. */
export interface Watcher {
  /** @param by what the stage was given: the request, the exchange, or the facts it judged */
  stage(name: Measured | 'record', by: object, from: number, to: number): void
  /** The exchange belongs to this request. */
  begun(exchange: Exchange, request: object): void
  /** These facts are of this exchange. */
  facts(exchange: Exchange, facts: object): void
  ended(exchange: Exchange, end: End, at: number): void
}

export interface Observers {
  readonly durations: Durations
  /** Told of each call that has ended. */
  readonly failures: (exchange: Exchange) => void
  /** Null: nobody else is told. */
  readonly watcher: Watcher | null
}

export function observeStages(stages: Stages, observers: Observers): Stages {
  const { durations, watcher } = observers

  /** What notes that a stage is over. */
  function createOver(name: Measured): (by: object, from: number) => void {
    const series = durations.stage(name)
    return (by, from) => {
      const to = performance.now()
      series.observe((to - from) / 1000)
      watcher?.stage(name, by, from, to)
    }
  }

  /**
   * The stage as it was, with its time taken, however it ends.
   * @param byOf which of what it is given the time is told of
   */
  function timed<Given extends readonly unknown[], T>(
    name: Measured,
    stage: (...given: Given) => Pending<T>,
    byOf: (...given: Given) => object,
  ): (...given: Given) => Pending<T> {
    const over = createOver(name)
    return (...given) => {
      const from = performance.now()
      let result: Pending<T>
      try {
        result = stage(...given)
      } catch (error) {
        over(byOf(...given), from)
        throw error
      }
      if (!isPending(result)) {
        over(byOf(...given), from)
        return result
      }
      const by = byOf(...given)
      // one promise: `finally` and an async function make more of them
      return result.then(
        (known) => {
          over(by, from)
          return known
        },
        (error: unknown) => {
          over(by, from)
          throw error
        },
      )
    }
  }

  const decided = createOver('decide')
  return {
    ...stages,
    identify: timed('identify', stages.identify, first),
    own(exchange, call, make, progress) {
      watcher?.begun(exchange, call.request)
      return stages.own(exchange, call, make, progress)
    },
    gather: telling(watcher, timed('gather', stages.gather, first)),
    decide(principal, operation, facts) {
      const from = performance.now()
      try {
        return stages.decide(principal, operation, facts)
      } finally {
        decided(facts, from)
      }
    },
    lookUp: telling(watcher, timed('look-up', stages.lookUp, first)),
    review: timed('review', stages.review, first),
    grant: timed('grant', stages.grant, (_permit, _scope, raw) => raw),
    recorder: observeRecorder(stages.recorder, observers),
  }
}

/** Most stages are given first what their time is told of. */
const first = (by: object): object => by

/** Facts that a stage finds belong to its exchange: `decide` is given no more of a call than them. */
function telling<Rest extends readonly unknown[], T extends { readonly facts: object } | null>(
  watcher: Watcher | null,
  stage: (exchange: Exchange, ...rest: Rest) => Pending<T>,
): (exchange: Exchange, ...rest: Rest) => Pending<T> {
  if (watcher === null) return stage
  return (exchange, ...rest) =>
    after(stage(exchange, ...rest), (found) => {
      if (found !== null) watcher.facts(exchange, found.facts)
      return found
    })
}

/** The record of a call's end is where its time ends. */
function observeRecorder(
  recorder: Stages['recorder'],
  { durations, failures, watcher }: Observers,
): Stages['recorder'] {
  function ended(exchange: Exchange, end: End, ms: number): void {
    const effect: CallClass = exchange.operation?.effect ?? 'other'
    durations.call(effect, end).observe(ms / 1000)
    const { sentAt, answeredAt } = exchange
    if (sentAt !== null && answeredAt !== null)
      durations.upstream(effect).observe((answeredAt - sentAt) / 1000)
    failures(exchange)
    watcher?.ended(exchange, end, exchange.startedAt + ms)
  }

  return {
    admit: () => recorder.admit(),
    authorized(exchange) {
      const recorded = recorder.authorized(exchange)
      if (watcher !== null) {
        const from = performance.now()
        const over = (): void => watcher.stage('record', exchange, from, performance.now())
        recorded.then(over, over)
      }
      return recorded
    },
    refused(exchange) {
      ended(exchange, 'refused', performance.now() - exchange.startedAt)
      return recorder.refused(exchange)
    },
    completed(exchange, outcome, durationMs) {
      ended(exchange, outcome, durationMs)
      return recorder.completed(exchange, outcome, durationMs)
    },
    received: (event) => recorder.received(event),
    event: (name, fields) => recorder.event(name, fields),
  }
}
