/**
 * What may be asked of a list that policy looks through.
 *
 * Azure filters and sorts before policy leaves out what is not the caller's, so that every filter would be a question
 * about what is hidden: its answer is in the page's form, in its token, in the order of what is left. So only what says
 * nothing of an item's content passes: pages, an experiment, active or archived, order by time.
 * @module
 */
import { isCollection } from '../../azureml/body/items.ts'
import { jobReads } from '../../azureml/body/aliases.ts'
import { hasBody, readBody, type Incoming } from '../../azureml/body/read.ts'
import { plainName } from '../../azureml/body/names.ts'
import { parseJson, type JsonNode } from '../../lib/json/document.ts'
import { after, type Pending } from '../../lib/pending.ts'
import type { Exchange, Progress } from '../../exchange.ts'
import type { NeedsDocument } from '../../policy/engine/what-policy-asks.ts'
import { Refusal } from '../../errors.ts'
import type { TellsApart } from './screening.ts'
import {
  apiOf,
  factsNeeded,
  isClassified,
  type Classified,
  type MustBePossible,
} from '../what-must-be-known.ts'

export interface ListQueryOptions {
  readonly needsDocument: NeedsDocument
  readonly tellsApart: TellsApart
  readonly mustBePossible: MustBePossible
  readonly bodyBytes: number
}

/**
 * Checks what a call asks of a list that policy looks through for this caller.
 * @returns the body that was read for it; null if there is none or nothing is looked through
 * @throws {Refusal} `policy_refused`, naming what may not be asked
 */
export type CheckListQuery = (
  exchange: Exchange,
  request: Incoming,
  progress: Progress,
) => Pending<Buffer | null>

export function createCheckListQuery(options: ListQueryOptions): CheckListQuery {
  return (exchange, request, progress) => {
    const policies = isClassified(exchange) ? toldApartBy(options, exchange) : null
    if (policies === null) return null
    options.mustBePossible(exchange, progress, false)
    const latest = exchange.target?.segments.at(-1)?.toLowerCase() === 'get-latest-versions'
    const check = (name: string, values: readonly string[] | null): void => {
      const key = name.toLowerCase().replaceAll(/[$_-]/g, '')
      const allowed = ALLOWED.get(key) ?? (latest ? OF_ONE_MODEL.get(key) : undefined)
      if (allowed === undefined || values?.every((value) => allowed.test(value)) !== true)
        throw cannotAsk(name, policies)
    }
    for (const [name, value] of exchange.target?.params ?? []) check(name, [value])
    if (exchange.method !== 'POST' || !hasBody(request.headers)) return null
    const { stream, headers } = request
    const read = readBody(stream, headers, options.bodyBytes, progress)
    return after(read, (received) => {
      const root = parseJson(received)
      if (root.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
      for (const { key, value } of root.members) check(key, textsOf(value))
      return received
    })
  }
}

/** Ids of the policies that tell the items of a list apart; null if it is no list, or none does. */
function toldApartBy(
  { needsDocument, tellsApart }: ListQueryOptions,
  exchange: Classified,
): readonly string[] | null {
  const { principal, operation } = exchange
  if (operation.effect !== 'read') return null
  if (apiOf(exchange) === 'data plane') {
    if (operation.tells?.list !== true) return null
    return factsNeeded(needsDocument, exchange, true)?.policies ?? null
  }
  if (apiOf(exchange) === null || !isCollection(operation.resource)) return null
  if (!tellsApart(principal, operation)) return null
  const needs = [operation, ...jobReads(operation)].flatMap(
    (name) => needsDocument(principal, name, true) ?? [],
  )
  return [...new Set(needs.flatMap(({ policies }) => policies))]
}

const NUMBER = /^\d{1,9}$/
const ANY = /^/
const VIEW = /^(?:(?:active|archived|deleted)_?only|all|[123])?$/i
/** Order by when something was made or changed, which the pages without an order have, too. */
const TIME =
  /^\s*(?:attributes?\.)?(["`]?)(?:start_?time|created_?(?:time|at|date)|timestamp(?:_?ms)?|request_?time|creation_?(?:time|timestamp)|last_?updated?_?(?:time|timestamp))\1\s*(?:asc|desc)?\s*$|^\s*$/i
const LIFECYCLE = String.raw`(?:attributes?\.)?lifecycle_?stage\s*=\s*["'](?:active|deleted)["']`
/** MLflow's client parts models from prompts by this tag, whatever it is asked. */
const PROMPT = String.raw`tags?\.["'\x60]?mlflow\.prompt\.is_prompt["'\x60]?\s*!?=\s*["'](?:true|false)["']`
const TERM = `(?:${LIFECYCLE}|${PROMPT})`
const FILTER = new RegExp(String.raw`^\s*(?:${TERM}(?:\s+and\s+${TERM}){0,3}\s*)?$`, 'i')

/** Names without `$`, `_` and `-`, in lower case, with what each value may be. */
const ALLOWED: ReadonlyMap<string, RegExp> = new Map([
  ['apiversion', ANY],
  ['top', NUMBER],
  ['count', NUMBER],
  ['maxresults', NUMBER],
  ['skip', ANY],
  ['skiptoken', ANY],
  ['pagetoken', ANY],
  ['nextpagetoken', ANY],
  ['continuationtoken', ANY],
  ['listviewtype', VIEW],
  ['runviewtype', VIEW],
  ['viewtype', VIEW],
  ['experimentid', ANY],
  ['experimentids', ANY],
  ['orderby', TIME],
  ['orderbyasc', /^(?:true|false)?$/i],
  ['sortorder', /^(?:asc|desc)?$/i],
  ['filter', FILTER],
  ['filterstring', FILTER],
  // what is asked for by ids is judged like what is listed
  ['traceids', ANY],
  ['locations', ANY],
  // a digest that nobody can guess, and what a workspace has one of: azure-ai-ml asks so before it uploads
  ['hash', /^[\da-f]{32,128}$/i],
  ['hashversion', /^\w{1,16}$/],
  ['isdefault', /^(?:true|false)$/i],
])
/** The latest versions of one model are asked by its name. */
const OF_ONE_MODEL: ReadonlyMap<string, RegExp> = new Map([
  ['name', ANY],
  ['stages', ANY],
])

/** What a member says, in one text or a list of them; null for what is neither. */
function textsOf(node: JsonNode): readonly string[] | null {
  switch (node.kind) {
    case 'string':
      return [node.value]
    case 'number':
    case 'boolean':
      return [node.text]
    case 'null':
      return []
    case 'array': {
      const texts = node.items.map(textOf)
      return texts.every((text) => text !== null) ? texts : null
    }
    case 'object':
      return null
    default:
      return node satisfies never
  }
}

/** What one of a list says: in MLflow also an experiment, or a field to order by. */
function textOf(item: JsonNode): string | null {
  if (item.kind === 'string') return item.value
  if (item.kind === 'number') return item.text
  if (item.kind !== 'object') return null
  const names = item.members.map(({ key }) => plainName(key))
  const only = (...known: string[]): boolean => names.every((name) => known.includes(name))
  if (only('fieldname', 'ascending')) return stringAt(item, 'fieldname')
  const place = item.members.find(({ key }) => plainName(key) === 'mlflowexperiment')?.value
  return only('type', 'mlflowexperiment') && place !== undefined
    ? stringAt(place, 'experimentid')
    : null
}

/** The text of an object's only member of a name. */
function stringAt(node: JsonNode, name: string): string | null {
  if (node.kind !== 'object') return null
  const found = node.members.filter(({ key }) => plainName(key) === name)
  const [first] = found
  return found.length === 1 && first?.value.kind === 'string' ? first.value.value : null
}

function cannotAsk(name: string, policies: readonly string[]): Refusal {
  const shown = /^[\w$.-]{1,64}$/.test(name) ? `"${name}"` : 'what is asked of this list'
  return new Refusal(
    'policy_refused',
    `policy leaves out of this list what is not one's own, and ${shown} would tell of it`,
    {
      policies,
      remedy: `list without ${shown} and filter what comes back`,
    },
  )
}
