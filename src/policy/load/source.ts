/**
 * Cedar files as statements with their place, their annotations and their scope.
 * @module
 */
import { policyToJson, templateToJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { LRUCache } from 'lru-cache'
import {
  factsIn,
  namedIn,
  residualOf,
  scopeActions,
  scopeUid,
  type Residual,
  type Uid,
} from './conditions.ts'
import {
  EFFECT_ANNOTATIONS,
  effectMistakes,
  readEffects,
  type Annotated,
  type Given,
} from '../effects.ts'
import { FACT_NAMES, factKind } from '../facts.ts'
import { fault, suggest, type Fault } from './faults.ts'

/** One policy or template as written. */
export interface Statement {
  readonly file: string
  /** Line of its first character that is not a comment, counted from 1. */
  readonly line: number
  readonly text: string
}

/** A statement that was understood. */
export interface Policy extends Annotated, Statement {
  readonly id: string
  readonly reason: string
  readonly effect: 'permit' | 'forbid'
  /** Whether it has slots, both of them. */
  readonly template: boolean
  /** The one entity that principal or resource must be or be in; null if the scope does not say. */
  readonly principal: Uid | null
  readonly resource: Uid | null
  /** Facts that its conditions look at; null if it takes the context as a whole. */
  readonly facts: ReadonlySet<string> | null
  /** Entities that it asks membership of; null if that cannot be told. */
  readonly named: readonly Uid[] | null
  /** Actions and action groups of its scope; null for all. */
  readonly actions: readonly string[] | null
  /** The kind of resource that its scope asks for; null for any. */
  readonly kind: string | null
  /** What Cedar is asked about it once the scope is known to hold; null for all of it. */
  readonly residual: Residual | null
  /** Whether it has conditions, so that its scope does not say all. */
  readonly conditional: boolean
}

const ANNOTATIONS = ['id', 'reason', ...EFFECT_ANNOTATIONS]
const ID = /^[a-z][a-z0-9-]{0,62}$/u

/** A comment, a string, a slot, a separator, a run of what can be none of these, or a character that begins none. */
const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|\?(?:principal|resource)\b|;|\s+|[^\s/"?;]+|[^\s]/gsu

/** Splits a file at the semicolons that end its policies. What follows the last one is a statement of its own. */
export function splitStatements(file: string, text: string): Statement[] {
  const statements: Statement[] = []
  let start = -1
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match
    const blank = token.trim() === '' || token.startsWith('//')
    if (start < 0 && !blank) start = match.index
    if (token !== ';') continue
    statements.push(statementAt(file, text, start, match.index + 1))
    start = -1
  }
  if (start >= 0) statements.push(statementAt(file, text, start, text.length))
  return statements
}

function statementAt(file: string, text: string, start: number, end: number): Statement {
  return { file, line: text.slice(0, start).split('\n').length, text: text.slice(start, end) }
}

/** Whether a statement has slots: they are only allowed in templates, which are only allowed in their folder. */
export function hasSlots(text: string): boolean {
  return [...text.matchAll(TOKEN)].some(([token]) => token.startsWith('?'))
}

/** The statement with its slots taken out, every other character where it was: what is left can be validated. */
export function withoutSlots(text: string): string {
  return text.replace(/(?:\bin|==)\s*\?(?:principal|resource)\b/gu, (slot) =>
    slot.replace(/[^\n]/gu, ' '),
  )
}

/** A fault that Cedar found in a statement, at its place in the file. Cedar counts bytes. */
export function cedarFault(statement: Statement, error: DetailedError): Fault {
  const [place] = error.sourceLocations ?? []
  const before = Buffer.from(statement.text)
    .subarray(0, place?.start ?? 0)
    .toString()
  const line = statement.line + before.split('\n').length - 1
  const message = error.message
    .replace(/^for policy `[^`]*`, /u, '')
    .replace(/^failed to parse (?:policy|template)(?: with id `[^`]*`)? from string: /u, '')
  const help = error.help?.replace(/^for policy `[^`]*`, /u, '') ?? place?.label
  return fault(statement.file, line, message, help ?? undefined)
}

function annotationFaults(
  statement: Statement,
  given: Given,
  place: Parameters<typeof effectMistakes>[1],
): Fault[] {
  const faults: Fault[] = []
  const add = (message: string, suggestion?: string): void => {
    faults.push(fault(statement.file, statement.line, message, suggestion))
  }
  for (const name of given.keys()) {
    if (!ANNOTATIONS.includes(name))
      add(`unknown annotation "@${name}"`, suggest(name, ANNOTATIONS))
  }
  if (!ID.test(given.get('id') ?? '')) {
    add('a policy needs "@id" with a lower-case name: letters, digits and hyphens')
  }
  if ((given.get('reason') ?? '').trim() === '')
    add('a policy needs "@reason": what a refused or permitted caller is told')
  for (const { message, suggestion } of effectMistakes(given, place)) add(message, suggestion)
  return faults
}

/**
 * Statements as Cedar reads them, for the whole process: two versions of the same policies, and what is loaded anew, differ
 * in few.
 */
const read = new LRUCache<string, PolicyJson>({ max: 256 })

/** @param template whether it has slots */
function parse(text: string, template: boolean): ReturnType<typeof policyToJson> {
  const known = read.get(text)
  if (known !== undefined) return { type: 'success', json: known }
  const answer = template ? templateToJson(text) : policyToJson(text)
  if (answer.type === 'success') read.set(text, answer.json)
  return answer
}

/** Understands one statement, or says all that is wrong with it. */
export function readStatement(
  statement: Statement,
  identities: readonly string[],
): { policy: Policy; faults: [] } | { policy: null; faults: Fault[] } {
  const template = hasSlots(statement.text)
  const answer = parse(statement.text, template)
  if (answer.type === 'failure') {
    return { policy: null, faults: answer.errors.map((error) => cedarFault(statement, error)) }
  }
  const { json } = answer
  const given: Given = new Map(Object.entries<string | null>(json.annotations ?? {}))
  const place = { on: json.effect, identities }
  const faults = annotationFaults(statement, given, place)
  if (template && !(isSlot(json.principal) && isSlot(json.resource))) {
    faults.push(
      fault(
        statement.file,
        statement.line,
        'a template has both slots: "principal in ?principal" and "resource in ?resource"',
      ),
    )
  }
  const facts = factsIn(json.conditions)
  for (const name of new Set(facts)) {
    if (factKind(name) !== undefined) continue
    // Cedar would only say of `context has <no such fact>` that the policy is impossible
    const line =
      statement.line + statement.text.slice(0, statement.text.indexOf(name)).split('\n').length - 1
    faults.push(fault(statement.file, line, `unknown fact "${name}"`, suggest(name, FACT_NAMES)))
  }
  if (faults.length > 0) return { policy: null, faults }
  return {
    policy: {
      ...statement,
      ...readEffects(given, place),
      id: given.get('id') ?? '',
      reason: given.get('reason') ?? '',
      effect: json.effect,
      template,
      principal: scopeUid(json.principal),
      resource: scopeUid(json.resource),
      facts: facts === null ? null : new Set(facts),
      named: namedIn(json),
      actions: scopeActions(json),
      kind: json.resource.op === 'is' ? json.resource.entity_type : null,
      residual: residualOf(json),
      // `==` names one action and not what is in it, unlike `actions`
      conditional: json.conditions.length > 0 || json.action.op === '==',
    },
    faults: [],
  }
}

function isSlot(scope: PolicyJson['principal'] | PolicyJson['resource']): boolean {
  return scope.op === 'in' && 'slot' in scope
}
