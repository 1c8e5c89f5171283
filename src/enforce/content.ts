/**
 * The body of a call as it was read: what was found in it, and the bytes that are sent in its place.
 * @module
 */
import { findAll, type Findings } from '../azureml/body/facts.ts'
import { isCollection } from '../azureml/body/items.ts'
import { exactly, objectAt, tagHolder } from '../azureml/body/places.ts'
import type { DocumentContext } from '../azureml/body/walk.ts'
import { Refusal } from '../errors.ts'
import type { Change, Changes, Exchange } from '../exchange.ts'
import { parseJson, type JsonNode } from '../lib/json/document.ts'
import type { Facts, Permit } from '../policy/decide.ts'
import type { ChangingEffect } from '../policy/effects.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { schemaOf } from './what-must-be-known.ts'
import { sha256 } from './effects/digest.ts'
import { applyEdits, type Edit } from './effects/edit.ts'
import { kept } from './effects/record-body.ts'
import { isChanged, stampAll } from './effects/stamp.ts'
import { toldBy, toldByChange } from './told.ts'

/** A body that was read, and all that was found in it. */
export interface Content {
  readonly received: Buffer
  /** SHA-256 of what was received. */
  readonly digest: string
  readonly bytes: Buffer
  readonly root: JsonNode
  readonly context: DocumentContext
  /** Facts that policy asked for when it was read; null for all of them. */
  readonly asked: ReadonlySet<string> | null
  readonly findings: Findings
  readonly changes: readonly Change[]
}

/** What is sent to Azure. */
export interface Finished {
  /** Null to stream the caller's bytes untouched. */
  readonly body: Buffer | null
  /** Null if nothing was changed. */
  readonly changes: Changes | null
}

/** The facts of a body, as far as policy asks for them. */
export function factsIn({ root, findings, context, asked }: Content): Facts {
  const found = findings.collector.finish(asked)
  return context.whole ? toldBy(found, asked) : toldByChange(found, root)
}

/** What the record keeps of a body, whether policy asks for it or not. */
export function keptOf({ root, context, received, digest }: Content): ReturnType<typeof kept> {
  return kept(findAll(root, context).collector.finish(new Set()), received.byteLength, digest)
}

const NOTHING: { edits: readonly Edit[]; changes: readonly Change[] } = { edits: [], changes: [] }

/** The bytes to send, stamped if the permit says so, with all that was changed in them. */
export function stamped(id: string, permit: Permit, content: Content): Finished {
  const { effects, decision, principal } = permit
  const { received, bytes, root, context } = content
  const { edits, changes } =
    effects.stamp && isChanged(context.type) && (context.whole || setsTags(root, context))
      ? stampAll(content, context.type, {
          principal: principal.id,
          decision: id,
          policy: decision.version,
        })
      : NOTHING
  // the compiler names an effect on bodies that is not applied
  const { pin, stamp } = { pin: content.changes, stamp: changes } satisfies Record<
    ChangingEffect,
    readonly Change[]
  >
  const list = pin.length === 0 ? stamp : [...pin, ...stamp]
  if (list.length === 0) return { body: received, changes: null }
  const body = applyEdits(bytes, edits)
  return { body, changes: { before: content.digest, after: sha256(body), list } }
}

/** A PATCH that sets tags replaces those that are there, stamps included. */
function setsTags(root: JsonNode, { type }: DocumentContext): boolean {
  const holder = tagHolder(type, 'arm')
  return holder !== null && exactly(objectAt(root, holder.path), 'tags') !== null
}

export function contextOf(
  exchange: Exchange,
  { scope, resource, effect }: Operation,
): DocumentContext {
  // an action such as `resize` says what changes, like a PATCH
  const isAction = exchange.method === 'POST' && !isCollection(resource)
  const whole = effect === 'write' && exchange.method !== 'PATCH' && !isAction
  return { scope, type: resource.type, whole, api: schemaOf(exchange) }
}

/** Everything that there is to know of a body. */
export function look(
  source: Pick<Content, 'received' | 'digest' | 'asked'>,
  bytes: Buffer,
  context: DocumentContext,
  changes: readonly Change[],
): Content {
  const root = parseJson(bytes)
  if (root.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
  const { received, digest, asked } = source
  const findings = findAll(root, context, asked)
  return { received, digest, asked, bytes, root, context, findings, changes }
}
