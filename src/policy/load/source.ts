/**
 * Cedar files as statements with their place, their annotations and their scope.
 * @module
 */
import { policyToJson, templateToJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import {
  factsIn,
  namedIn,
  residualOf,
  scopeActions,
  scopeUid,
  type Residual,
  type Uid,
} from './conditions.ts'
import { FACT_NAMES, factKind } from '../facts.ts'
import { fault, suggest, type Fault } from './faults.ts'
import type { SignInRequirement } from '../../identity/sign-in.ts'

/** One policy or template as written. */
export interface Statement {
  readonly file: string
  /** Line of its first character that is not a comment, counted from 1. */
  readonly line: number
  readonly text: string
}

/** What an annotation says besides yes or no. */
export interface Annotations {
  readonly id: string
  readonly reason: string
  readonly identity: string | null
  readonly pin: boolean
  readonly stamp: boolean
  readonly redact: boolean
  readonly recordBody: boolean
  readonly shadow: boolean
  /** `@public`: at Azure everybody has what it permits, so that nobody has to be granted it there. */
  readonly isPublic: boolean
  /** `@stepup`: what sign-in lifts this forbid; null for every other policy. */
  readonly stepUp: SignInRequirement | null
}

/** A statement that was understood. */
export interface Policy extends Annotations, Statement {
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

const ANNOTATIONS = [
  'id',
  'reason',
  'identity',
  'pin',
  'stamp',
  'redact',
  'record',
  'shadow',
  'public',
  'stepup',
]
const FLAGS = ['pin', 'stamp', 'redact', 'shadow', 'public']
const EFFECTS = ['identity', 'pin', 'stamp', 'redact', 'record', 'public']
const ID = /^[a-z][a-z0-9-]{0,62}$/u

/** A Cedar token that can hold a `;`, a slot, or neither: comment, string, slot, separator, anything. */
const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|\?(?:principal|resource)\b|;|\s+|[^\s]/gsu

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

/** Longer than a day means nothing: a token does not last longer. */
const MAX_AGE_SECONDS = 86_400
const METHOD = /^[a-z][a-z0-9_.-]{0,31}$/iu

/** The requirement that an annotation's value states, or what is wrong with it. */
export function readStepUp(text: string): SignInRequirement | string {
  let maxAgeSeconds: number | null = null
  let methods: readonly string[] | null = null
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const [, name, value = ''] = /^(max-age|methods)=(\S+)$/u.exec(word) ?? []
    if (name === 'max-age' && maxAgeSeconds === null && /^[1-9]\d{0,4}$/u.test(value)) {
      maxAgeSeconds = Number(value)
    } else if (name === 'methods' && methods === null) methods = value.split(',')
    else return `"@stepup" cannot be read at "${word}"`
  }
  if (maxAgeSeconds !== null && maxAgeSeconds > MAX_AGE_SECONDS) {
    return '"@stepup" has a "max-age" above a day'
  }
  if (methods?.every((method) => METHOD.test(method)) === false) {
    return '"@stepup" names a method that is no name'
  }
  if (maxAgeSeconds === null && methods === null) return '"@stepup" asks for nothing'
  return {
    ...(maxAgeSeconds === null ? {} : { maxAgeSeconds }),
    ...(methods === null ? {} : { methods }),
  }
}

function annotationFaults(
  statement: Statement,
  json: PolicyJson,
  identities: readonly string[],
): Fault[] {
  const given = new Map(Object.entries<string | null>(json.annotations ?? {}))
  const faults: Fault[] = []
  const add = (message: string, suggestion?: string): void => {
    faults.push(fault(statement.file, statement.line, message, suggestion))
  }
  for (const [name, value] of given) {
    if (!ANNOTATIONS.includes(name))
      add(`unknown annotation "@${name}"`, suggest(name, ANNOTATIONS))
    if (FLAGS.includes(name) && value !== null && value !== '') add(`"@${name}" takes no value`)
    if (json.effect === 'forbid' && EFFECTS.includes(name))
      add(`"@${name}" has no meaning on a forbid`)
  }
  if (!ID.test(given.get('id') ?? '')) {
    add('a policy needs "@id" with a lower-case name: letters, digits and hyphens')
  }
  if ((given.get('reason') ?? '').trim() === '')
    add('a policy needs "@reason": what a refused or permitted caller is told')
  const record = given.get('record')
  if (record !== undefined && record !== 'body') add('"@record" takes the value "body"')
  const stepUp = given.has('stepup') ? readStepUp(given.get('stepup') ?? '') : null
  if (typeof stepUp === 'string') add(stepUp, 'write "max-age=900", "methods=mfa", or both')
  if (stepUp !== null && json.effect === 'permit') add('"@stepup" has no meaning on a permit')
  const identity = given.get('identity')
  if (json.effect === 'permit' && (identity ?? '') === '') {
    add('a permit needs "@identity": the managed identity that the call goes out under')
  } else if (identity !== undefined && identity !== null && !identities.includes(identity)) {
    add(`unknown identity "${identity}"`, suggest(identity, identities))
  }
  return faults
}

/** Understands one statement, or says all that is wrong with it. */
export function readStatement(
  statement: Statement,
  identities: readonly string[],
): { policy: Policy; faults: [] } | { policy: null; faults: Fault[] } {
  const template = hasSlots(statement.text)
  const answer = template ? templateToJson(statement.text) : policyToJson(statement.text)
  if (answer.type === 'failure') {
    return { policy: null, faults: answer.errors.map((error) => cedarFault(statement, error)) }
  }
  const { json } = answer
  const faults = annotationFaults(statement, json, identities)
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
  const given = new Map(Object.entries<string | null>(json.annotations ?? {}))
  return {
    policy: {
      ...statement,
      id: given.get('id') ?? '',
      reason: given.get('reason') ?? '',
      identity: given.get('identity') ?? null,
      pin: given.has('pin'),
      stamp: given.has('stamp'),
      redact: given.has('redact'),
      recordBody: given.has('record'),
      shadow: given.has('shadow'),
      isPublic: given.has('public'),
      stepUp: stepUpOf(given.get('stepup')),
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

function stepUpOf(text: string | null | undefined): SignInRequirement | null {
  const read = readStepUp(text ?? '')
  return typeof read === 'string' ? null : read
}

function isSlot(scope: PolicyJson['principal'] | PolicyJson['resource']): boolean {
  return scope.op === 'in' && 'slot' in scope
}
