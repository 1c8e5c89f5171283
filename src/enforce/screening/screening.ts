/**
 * What of an answer its caller may read: ARM's documents by all that they say, the data plane's by their tags.
 * @module
 */
import { documentsOf, describedIn, type DescribedThing } from '../../azureml/body/described.ts'
import { bodyFacts } from '../../azureml/body/facts.ts'
import { isCollection, itemOperation, itemsOf } from '../../azureml/body/items.ts'
import { memberOf, type JsonNode } from '../../lib/json/document.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { jobReads, jobOf } from '../../azureml/body/aliases.ts'
import { Refusal } from '../../errors.ts'
import type { Exchange, Progress } from '../../exchange.ts'
import type { Via } from '../../forward/ask.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Screen } from '../../forward/screen.ts'
import type { NeedsDocument } from '../../policy/engine/what-policy-asks.ts'
import type { Decide, Facts } from '../../policy/decide.ts'
import type { RunLookUps } from '../lookups/run.ts'
import { toldBy } from '../told.ts'
import { createScreen } from './list-screen.ts'
import {
  factsNeeded,
  refusedUnder,
  apiOf,
  isClassified,
  type Classified,
} from '../what-must-be-known.ts'

/** Whether policy's answer to a read of ARM's depends on what Azure answers; false for the state of an operation. */
export type TellsApart = (principal: Principal, operation: Operation) => boolean

export interface ScreeningOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  readonly tellsApart: TellsApart
  /** Facts that policies ask for; null for all of them. */
  readonly asked: () => ReadonlySet<string> | null
  readonly callFacts: (exchange: Exchange) => Facts
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
}

/** Tags are null if a run that they depend on cannot be read. */
type Described = Pick<DescribedThing, 'reads'> & { readonly tags: readonly string[] | null }

/** The screen of a call's answer; null if all of it may pass, whatever it says. */
export type Screening = (exchange: Exchange, via: Via, progress: Progress) => Screen | null

/** A call whose answer may have to be judged. */
interface Screened {
  readonly exchange: Classified
  readonly via: Via
  readonly progress: Progress
}

export function createScreening(options: ScreeningOptions): Screening {
  return (exchange, via, progress) => {
    if (!isClassified(exchange) || exchange.operation.effect !== 'read') return null
    const api = apiOf(exchange)
    if (api === 'data plane') return screenDataPlane(options, { exchange, via, progress })
    if (api !== 'arm' || exchange.method !== 'GET') return null
    const isScreened = options.tellsApart(exchange.principal, exchange.operation)
    return isScreened ? screenArm(options, { exchange, via, progress }) : null
  }
}

/** `TellsApart`, worked out. */
export function tellsApart(
  needsDocument: NeedsDocument,
  principal: Principal,
  operation: Operation,
): boolean {
  if (operation.resource.type === 'OperationStatus') return false
  const collection = isCollection(operation.resource)
  if (needsDocument(principal, operation, collection) !== null) return true
  for (const name of jobReads(operation))
    if (needsDocument(principal, name, collection) !== null) return true
  return false
}

function screenArm(options: ScreeningOptions, call: Screened): Screen {
  const { exchange, via, progress } = call
  const { operation } = exchange
  const collection = isCollection(operation.resource)

  /** Of a step or trial, asked of run history. */
  let tags: readonly string[] | null = null
  function judge(document: JsonNode, own: Operation): void {
    const { scope, resource } = own
    const context = { scope, type: resource.type, whole: true }
    const facts = {
      ...options.callFacts(exchange),
      ...toldBy(bodyFacts(document, context, options.asked())),
    }
    mustRead(options, call, [own, ...jobReads(own)], tags === null ? facts : { ...facts, tags })
  }
  if (!collection) {
    return createScreen({
      progress,
      find: (root) => ({ list: null, documents: [root] }),
      async prepare([document]) {
        const run = document !== undefined && isPart(document) ? jobOf(operation) : null
        if (run !== null) tags = await options.runLookUps(exchange, via).tagsOf(run)
      },
      judge: (document) => judge(document, operation),
    })
  }
  return createScreen({
    progress,
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

function screenDataPlane(options: ScreeningOptions, call: Screened): Screen | null {
  const { exchange, via, progress } = call
  const { operation } = exchange
  const { tells } = operation
  if (tells === undefined || factsNeeded(options.needsDocument, exchange, tells.list) === null)
    return null
  const lookUps = options.runLookUps(exchange, via)
  const described = new Map<JsonNode, readonly Described[]>()

  return createScreen({
    progress,
    find: (root) => documentsOf(root, tells),
    omitsEmpty: operation.family === 'mlflow',
    async prepare(documents) {
      const found = documents.map((document) => describedIn(document, operation) ?? [])
      const tags = await lookUps.tagsOfAll(found.flat())
      let at = 0
      for (const [index, document] of documents.entries()) {
        const known = (found[index] ?? []).map((entry) => ({ ...entry, tags: tags[at++] ?? null }))
        if (known.length > 0) described.set(document, known)
      }
    },
    judge(document) {
      const entries = described.get(document)
      if (entries === undefined) throw unreadable()
      for (const { reads, tags } of entries) {
        if (tags === null) throw unreadable()
        mustRead(options, call, reads, { ...options.callFacts(exchange), tags })
      }
    },
  })
}

/** Policy has to permit reading a thing by its own name, and may forbid it under none of its others. */
function mustRead(
  { decide }: ScreeningOptions,
  { exchange, progress }: Screened,
  [own, ...others]: DescribedThing['reads'],
  facts: Facts,
): void {
  const { principal } = exchange
  const verdict = decide(principal, own, facts, 'all')
  const refused = verdict.permit === null ? verdict : refusedUnder(decide, principal, others, facts)
  if (!isList(exchange)) progress.judged((refused ?? verdict).decision)
  if (refused !== null) throw refused.refusal
}

function isList({ operation }: Classified): boolean {
  return operation.tells?.list ?? isCollection(operation.resource)
}

/** A pipeline's step or a sweep's trial: ARM returns its name without properties, the rest is in run history. */
function isPart(document: JsonNode): boolean {
  const properties = memberOf(document, 'properties')
  return properties === null || properties.kind === 'null'
}

function unreadable(): Refusal {
  return new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge')
}
