/**
 * What of an answer its caller may read: ARM's documents by all that they say, the data plane's by their tags.
 * @module
 */
import { documentsOf, entriesOf, type Entry } from '../../azureml/body/entries.ts'
import { bodyFacts } from '../../azureml/body/facts.ts'
import { isCollection, itemOperation, itemsOf } from '../../azureml/body/items.ts'
import { memberOf, type JsonNode } from '../../lib/json/document.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { jobAsRun, jobOf } from '../../azureml/body/aliases.ts'
import { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import type { Screen } from '../../forward/screen.ts'
import type { NeedsDocument } from '../../policy/engine/what-policy-asks.ts'
import type { Decide, Facts } from '../../policy/decide.ts'
import type { RunLookUps, Via } from '../lookups/run.ts'
import { createScreen } from './list-screen.ts'
import { apartOf, forbiddenAs, formOf, isJudgeable, type Judgeable } from '../what-must-be-known.ts'

export interface ScreeningOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  /** Facts that policies ask for; null for all of them. */
  readonly asked: () => ReadonlySet<string> | null
  readonly callFacts: (exchange: Exchange) => Facts
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
}

/** Tags are null if they cannot be told. */
type Described = Pick<Entry, 'readings'> & { readonly tags: readonly string[] | null }

/** The screen of a call's answer; null if all of it may pass, whatever it says. */
export type Screening = (exchange: Exchange, via: Via) => Screen | null

export function createScreening(options: ScreeningOptions): Screening {
  const { decide, needsDocument, callFacts } = options

  /** By its own name it has to be permitted, and under none of its others may it be forbidden. */
  function mustRead(
    exchange: Judgeable,
    own: Operation,
    others: readonly Operation[],
    facts: Facts,
  ) {
    const verdict = decide(exchange.principal, own, facts)
    const refused =
      verdict.permit === null ? verdict : forbiddenAs(decide, exchange.principal, others, facts)
    if (!isList(exchange)) exchange.decision = (refused ?? verdict).decision
    if (refused !== null) throw refused.refusal
  }

  function screenArm(exchange: Judgeable, via: Via): Screen | null {
    const { principal, operation } = exchange
    if (operation.resource.type === 'OperationStatus') return null
    const collection = isCollection(operation.resource)
    const names = [operation, ...jobAsRun(operation)]
    if (names.every((name) => needsDocument(principal, name, collection) === null)) return null

    /** Of a step or trial, asked of run history. */
    let tags: readonly string[] | null = null
    function judge(document: JsonNode, own: Operation): void {
      const { scope, resource } = own
      const context = { scope, type: resource.type, whole: true }
      const facts = { ...callFacts(exchange), ...bodyFacts(document, context, options.asked()) }
      mustRead(exchange, own, jobAsRun(own), tags === null ? facts : { ...facts, tags })
    }
    if (!collection) {
      return createScreen({
        exchange,
        find: (root) => ({ list: null, documents: [root] }),
        async prepare([document]) {
          const run = document !== undefined && isPart(document) ? jobOf(operation) : null
          if (run !== null) tags = await options.runLookUps(exchange, via).tagsOf(run)
        },
        judge: (document) => judge(document, operation),
      })
    }
    return createScreen({
      exchange,
      find: (root) => {
        const list = itemsOf(root)
        return list === null ? null : { list, documents: list.items }
      },
      judge(document) {
        const own = itemOperation(document, operation)
        if (own === null) throw unreadable()
        judge(document, own)
      },
    })
  }

  function screenDataPlane(exchange: Judgeable, via: Via): Screen | null {
    const { operation } = exchange
    const { tells } = operation
    if (tells === undefined || apartOf(needsDocument, exchange, tells.list) === null) return null
    const lookUps = options.runLookUps(exchange, via)
    const described = new Map<JsonNode, readonly Described[]>()

    return createScreen({
      exchange,
      find: (root) => documentsOf(root, tells),
      async prepare(documents) {
        const found = documents.map((document) => entriesOf(document, operation) ?? [])
        const tags = await lookUps.tagsOfAll(found.flat())
        let at = 0
        for (const [index, document] of documents.entries()) {
          const known = (found[index] ?? []).map((entry) => ({
            ...entry,
            tags: tags[at++] ?? null,
          }))
          if (known.length > 0) described.set(document, known)
        }
      },
      judge(document) {
        const entries = described.get(document)
        if (entries === undefined) throw unreadable()
        for (const { readings, tags } of entries) {
          if (tags === null) throw unreadable()
          const [own, ...others] = readings
          mustRead(exchange, own, others, { ...callFacts(exchange), tags })
        }
      },
    })
  }

  return (exchange, via) => {
    if (!isJudgeable(exchange) || exchange.operation.effect !== 'read') return null
    const form = formOf(exchange)
    if (form === 'data plane') return screenDataPlane(exchange, via)
    return form === 'arm' && exchange.method === 'GET' ? screenArm(exchange, via) : null
  }
}

function isList({ operation }: Judgeable): boolean {
  return operation.tells?.list ?? isCollection(operation.resource)
}

/** ARM says nothing of a job's steps and trials but their names: azure-ai-ml goes on to run history for them. */
function isPart(document: JsonNode): boolean {
  const properties = memberOf(document, 'properties')
  return properties === null || properties.kind === 'null'
}

function unreadable(): Refusal {
  return new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge')
}
