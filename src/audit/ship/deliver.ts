/**
 * Gets one page of records into a sink: halves what is too large, finds the row that is not acceptable.
 * @module
 */
import type { Batch, ShippedRow } from './batch.ts'
import type { Delivery, Sink } from './sinks/sink.ts'

/** What became of a page: either every row is accepted or named as poison, or the page has to be tried again. */
export type Result =
  | { readonly kind: 'done'; readonly poison: readonly { row: ShippedRow; why: string }[] }
  | {
      readonly kind: 'again'
      readonly hold: boolean
      readonly why: string
      readonly afterMs: number | null
    }

/** Counts what a sink answered. */
export type Count = (kind: Delivery['kind'] | 'dead-letter', rows: number) => void

/**
 * Delivers the rows of `page`. A row is called poison only if the sink took another row of the same page: a sink that rejects
 * everything has a wrong schema or a wrong name, and is held.
 */
export async function deliver(
  sink: Sink,
  page: Batch,
  signal: () => AbortSignal,
  count: Count,
): Promise<Result> {
  const poison: { row: ShippedRow; why: string }[] = []
  let accepted = 0
  const stack: Batch[] = [page]
  for (let batch = stack.pop(); batch !== undefined; batch = stack.pop()) {
    const delivery = await attempt(sink, batch, signal())
    count(delivery.kind, batch.count)
    switch (delivery.kind) {
      case 'accepted':
        accepted += batch.count
        break
      case 'retry':
        return {
          kind: 'again',
          hold: false,
          why: delivery.why,
          afterMs: delivery.retryAfterMs ?? null,
        }
      case 'hold':
        return { kind: 'again', hold: true, why: delivery.why, afterMs: null }
      case 'too-large':
      case 'rejected': {
        if (batch.count === 1)
          for (const row of batch.rows()) poison.push({ row, why: delivery.why })
        else {
          const [first, second] = batch.halves()
          // the first half is taken first, so that a sink sees records in order
          stack.push(second, first)
        }
      }
    }
  }
  const [first] = poison
  if (first !== undefined && accepted === 0) {
    return { kind: 'again', hold: true, why: `rejects every row: ${first.why}`, afterMs: null }
  }
  return { kind: 'done', poison }
}

async function attempt(sink: Sink, batch: Batch, signal: AbortSignal): Promise<Delivery> {
  try {
    return await sink.send(batch, signal)
  } catch (error) {
    return { kind: 'retry', why: error instanceof Error ? error.name : 'unknown failure' }
  }
}
