/**
 * Tells channels of reviews: in the background, with a few tries, and on record in the ledger.
 *
 * A channel that does not answer delays nothing: the review is in the ledger, and whoever lists reviews sees it.
 * @module
 */
import { setTimeout } from 'node:timers/promises'
import type { Store } from '../../approvals/store.ts'
import { counter, single, type Metric } from '../../lib/metric.ts'
import { messageOf, type ChannelKind, type Noticed, type NoticeEvent } from './message.ts'

export interface Channel {
  readonly name: string
  readonly kind: ChannelKind
  readonly url: string
  /** Of a plain webhook; null for none. */
  readonly signingKey: string | null
}

export interface NotifierOptions {
  readonly channels: readonly Channel[]
  readonly store: Pick<Store, 'write'>
  readonly publicUrl: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly log: (fields: Record<string, unknown>, message: string) => void
  /** Milliseconds before each further try. */
  readonly pauses?: readonly number[]
}

export interface Notifier {
  /** Returns at once. */
  readonly tell: (event: NoticeEvent, about: Noticed) => void
  readonly metrics: () => readonly Metric[]
  /** Gives up what is under way; resolves once nothing is. */
  readonly close: () => Promise<void>
}

const PAUSES = [1_000, 10_000]
const TIMEOUT_MS = 10_000

export function createNotifier(options: NotifierOptions): Notifier {
  const { channels, publicUrl, now, log, store, pauses = PAUSES } = options
  const counts = channels.map(({ name }) => ({ name, sent: 0, failed: 0 }))
  const running = new Set<Promise<void>>()
  const ending = new AbortController()

  async function tellOne(channel: Channel, event: NoticeEvent, about: Noticed): Promise<void> {
    const { id, word } = about
    const url = `${publicUrl}${about.path}`
    const message = messageOf(channel.kind, event, about, url, channel.signingKey)
    const failure = await deliver(channel.url, message, pauses, ending.signal)
    const outcome = failure === null ? 'sent' : 'failed'
    for (const count of counts) if (count.name === channel.name) count[outcome]++
    if (failure !== null)
      log({ channel: channel.name, [word]: id, why: failure }, `nobody was told of a ${word}`)
    const iat = Math.floor(now() / 1_000)
    await store.write({ v: 1, kind: 'notice', id, channel: channel.name, event, outcome, iat })
  }

  return {
    tell(event, about) {
      for (const channel of channels) {
        const told = tellOne(channel, event, about).catch((error: unknown) => {
          const why = error instanceof Error ? error.message : typeof error
          log({ channel: channel.name, [about.word]: about.id, why }, 'a notice is not on record')
        })
        running.add(told)
        void told.finally(() => running.delete(told))
      }
    },
    metrics: () => [
      counter(
        'approvals_notices_total',
        counts.flatMap(({ name, sent, failed }) => [
          ...single(sent, { channel: name, outcome: 'sent' }),
          ...single(failed, { channel: name, outcome: 'failed' }),
        ]),
      ),
    ],
    async close() {
      ending.abort()
      await Promise.all(running)
    },
  }
}

/** Null once it is delivered, or why it was not. The URL is a secret: it is in none of the texts. */
async function deliver(
  url: string,
  { headers, body }: ReturnType<typeof messageOf>,
  pauses: readonly number[],
  ending: AbortSignal,
): Promise<string | null> {
  let failure = 'the gateway is stopping'
  for (const pause of [0, ...pauses]) {
    try {
      await setTimeout(pause, undefined, { signal: ending, ref: false })
      const signal = AbortSignal.any([ending, AbortSignal.timeout(TIMEOUT_MS)])
      const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
      await answer.body?.cancel()
      if (answer.ok) return null
      failure = `status ${answer.status}`
      // the same will be refused again
      if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) return failure
    } catch {
      if (ending.aborted) return failure
      failure = 'no answer'
    }
  }
  return failure
}
