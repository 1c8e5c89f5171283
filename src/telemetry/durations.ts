/**
 * How long calls take, and how much of that is whose: the histograms that operators watch.
 * @module
 */
import { Histogram, type Series } from '../lib/metrics/histogram.ts'
import type { Metric } from '../lib/metric.ts'
import { EFFECTS, type Effect } from '../vocabulary/operation.ts'

/** Stages whose time is measured, by the names of docs/architecture.md. */
const MEASURED = ['identify', 'gather', 'decide', 'look-up', 'review', 'grant'] as const
export type Measured = (typeof MEASURED)[number]

/** What a call is about; `other`: refused before that was known. */
const CLASSES = [...EFFECTS, 'other'] as const
export type CallClass = Effect | 'other'
/** How a call ended; `refused`: by the gateway, before Azure was touched. */
const ENDS = ['success', 'denied', 'failed', 'client_abort', 'unknown', 'refused'] as const
export type End = (typeof ENDS)[number]

/** What is observed. All series are there from the start: no label comes from a caller. */
export interface Durations {
  readonly stage: (stage: Measured) => Series
  readonly call: (effect: CallClass, end: End) => Series
  readonly upstream: (effect: CallClass) => Series
  readonly metrics: () => readonly Metric[]
}

export function createDurations(): Durations {
  const stage = new Histogram(
    'stage_seconds',
    'time of one stage of a call',
    new Map(MEASURED.map((one) => [one, { stage: one }])),
  )
  const call = new Histogram(
    'call_seconds',
    'time of a call, from its first byte to its end',
    new Map(
      CLASSES.flatMap((effect) =>
        ENDS.map((outcome) => [KEYS[effect][outcome], { effect, outcome }] as const),
      ),
    ),
  )
  const upstream = new Histogram(
    'upstream_seconds',
    'time from sending a call to the answer of Azure',
    new Map(CLASSES.map((effect) => [effect, { effect }])),
  )
  return {
    stage: (one) => stage.of(one),
    call: (effect, end) => call.of(KEYS[effect][end]),
    upstream: (effect) => upstream.of(effect),
    metrics: () => [stage.metric(), call.metric(), upstream.metric()],
  }
}

const keysOf = (effect: CallClass): Readonly<Record<End, string>> => ({
  success: `${effect} success`,
  denied: `${effect} denied`,
  failed: `${effect} failed`,
  client_abort: `${effect} client_abort`,
  unknown: `${effect} unknown`,
  refused: `${effect} refused`,
})

/** Made once: no text is put together for each call. */
const KEYS: Readonly<Record<CallClass, Readonly<Record<End, string>>>> = {
  read: keysOf('read'),
  write: keysOf('write'),
  delete: keysOf('delete'),
  invoke: keysOf('invoke'),
  other: keysOf('other'),
}
