/**
 * Bodies that no policy asks for and that the gateway's own rules have to look at: read once, whichever rule asks first.
 * @module
 */
import { hasBody, readBody, type Incoming } from '../azureml/body/read.ts'
import type { Exchange, Progress } from '../exchange.ts'
import { after, type Pending } from '../lib/pending.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { Enforcement, Gathered } from './enforce.ts'
import { isClassified, type Classified } from './what-must-be-known.ts'

export interface UnreadBodyOptions {
  readonly decide: Decide
  readonly callFacts: (exchange: Exchange) => Facts
  readonly bodyBytes: number
}

/**
 * The enforcement with the body read of every call that `asks` is true for, and sent on as it was read.
 * @param asks whether a rule of the gateway has to look at the body of a call
 */
export function withBodyRead(
  inner: Enforcement,
  { decide, callFacts, bodyBytes }: UnreadBodyOptions,
  asks: (call: Classified) => boolean,
): Enforcement {
  function read(exchange: Exchange, request: Incoming, progress: Progress): Pending<Buffer | null> {
    if (!hasBody(request.headers) || !isClassified(exchange) || !asks(exchange)) return null
    // no fact of this body matters to the decision: who is refused without it is refused
    const verdict = decide(exchange.principal, exchange.operation, callFacts(exchange))
    if (verdict.permit === null && verdict.awaiting === undefined) return null
    return readBody(request.stream, request.headers, bodyBytes, progress)
  }

  return {
    ...inner,

    gather(exchange, request, progress) {
      return after(inner.gather(exchange, request, progress), (gathered) =>
        isRead(gathered)
          ? gathered
          : after(read(exchange, request, progress), (bytes) =>
              bytes === null ? gathered : { ...gathered, read: bytes },
            ),
      )
    },

    finish(exchange, permit, gathered, progress) {
      const finished = inner.finish(exchange, permit, gathered, progress)
      return finished.body === null ? { ...finished, body: gathered.read ?? null } : finished
    },
  }
}

function isRead({ content, run, read }: Gathered): boolean {
  return content !== null || run !== null || (read ?? null) !== null
}
