/**
 * One answer, judged: of a list each item by itself, of a single document the document.
 *
 * Policy permitted the call before anything was known of what it returns. Here it is asked again, with the facts of
 * each document: what a caller may not read by name is not to be read in a list either.
 * @module
 */
import { isCollection, itemOperation, itemsOf, withItems } from './azureml/body/items.ts'
import { parseJson, type JsonNode } from './azureml/body/json.ts'
import type { Operation } from './azureml/operation.ts'
import type { Exchange } from './exchange.ts'
import type { Screen } from './forward/screen.ts'
import type { Principal } from './identity/principal.ts'
import type { Decide, Facts } from './policy/decide.ts'
import { Refusal } from './errors.ts'

/** A page of a list is larger than a body that somebody wrote. */
const MAX_VALUES = 400_000

export interface ScreenOptions {
  readonly exchange: Exchange
  readonly principal: Principal
  readonly operation: Operation
  /** The call lists the members of a collection. */
  readonly collection: boolean
  readonly decide: Decide
  /** @throws {Refusal} if a fact that policy asks for cannot be told */
  readonly factsOf: (document: JsonNode, operation: Operation) => Facts
}

export function createScreen(options: ScreenOptions): Screen {
  const { exchange, principal, operation, collection, decide, factsOf } = options

  function mayRead(item: JsonNode): boolean {
    const reading = itemOperation(item)
    if (reading === null || isCollection(reading.resource)) return false
    try {
      return decide(principal, reading, factsOf(item, reading)).permit !== null
    } catch (error) {
      // what cannot be judged is not shown
      if (error instanceof Refusal) return false
      throw error
    }
  }

  return (body) => {
    const root = parse(body)
    if (!collection) {
      const verdict = decide(principal, operation, factsOf(root, operation))
      exchange.decision = verdict.decision
      if (verdict.permit === null) throw verdict.refusal
      return body
    }
    const list = itemsOf(root)
    if (list === null) {
      throw new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge')
    }
    const kept = list.items.filter(mayRead)
    exchange.leftOut = list.items.length - kept.length
    return exchange.leftOut === 0 ? body : withItems(body, list, kept)
  }
}

function parse(body: Buffer): JsonNode {
  try {
    return parseJson(body, MAX_VALUES)
  } catch (error) {
    throw new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge', {
      cause: error,
      inner: error instanceof Error ? error.message : 'not JSON',
    })
  }
}
