/**
 * The effects: what an annotation of a policy brings about besides "yes" or "no", one row each.
 *
 * To add one, add a row, then its code where it takes effect; the compiler names what else has to know of it.
 * @module
 */
import type { SignInRequirement } from '../identity/sign-in.ts'
import type { ApprovalRule } from '../approvals/asks.ts'
import { readApproval } from './approval-words.ts'
import { suggest } from './load/faults.ts'

/** An annotation as it is written, and what it is written on. */
interface Written {
  readonly annotation: string
  /** Null without a value, undefined without the annotation. */
  readonly text: string | null | undefined
  readonly on: 'permit' | 'forbid'
  /** Names of the configured identities. */
  readonly identities: readonly string[]
}

/** What an annotation says, and what is wrong with how it is written. */
interface Read<Value> {
  readonly value: Value
  readonly mistake?: Mistake | null
}

/** In words: lower case, no full stop. */
export interface Mistake {
  readonly message: string
  readonly suggestion?: string | undefined
}

/** All that is asked of an effect. */
interface Effect<Value> {
  /** Without the `@`. */
  readonly annotation: string
  /** The only kind of policy on which it has a meaning. */
  readonly on: 'permit' | 'forbid' | 'both'
  readonly read: (written: Written) => Read<Value>
  /** Whether the permits that apply bring it along: then a decision has it, and `explain` shows it. */
  readonly ofPermit: boolean
  /** Whether the body is read for it: never, always, or for types of resources whose bodies effects change. */
  readonly body: 'streamed' | 'read' | 'changed'
  /** What has then been done to the body; null if nothing. */
  readonly done: string | null
  /** The record's column that tells of it; null if none does. */
  readonly column: string | null
}

export const EFFECTS = {
  /** `@identity`: name of the managed identity, in the configuration's `identities`. */
  identity: {
    annotation: 'identity',
    on: 'permit',
    read: readIdentity,
    ofPermit: true,
    body: 'streamed',
    done: null,
    column: 'IdentityName',
  },
  /** `@pin`: replace `@latest` and labels by the version that they mean now. */
  pin: {
    annotation: 'pin',
    on: 'permit',
    read: readFlag,
    ofPermit: true,
    body: 'changed',
    done: 'pinned',
    column: 'Changes',
  },
  /** `@stamp`: add tags that name principal, policy version and parameter digest. */
  stamp: {
    annotation: 'stamp',
    on: 'permit',
    read: readFlag,
    ofPermit: true,
    body: 'changed',
    done: 'stamped',
    column: 'Changes',
  },
  /** `@redact`: remove secret fields from the answer. */
  redact: {
    annotation: 'redact',
    on: 'permit',
    read: readFlag,
    ofPermit: true,
    body: 'streamed',
    done: null,
    column: null,
  },
  /** `@record("body")`: keep the body's allow-listed fields in the record. */
  recordBody: {
    annotation: 'record',
    on: 'permit',
    read: readRecord,
    ofPermit: true,
    body: 'read',
    done: 'recorded',
    column: 'Body',
  },
  /** `@shadow`: evaluated and counted, without effect. */
  shadow: {
    annotation: 'shadow',
    on: 'both',
    read: readFlag,
    ofPermit: false,
    body: 'streamed',
    done: null,
    column: 'ShadowPolicyIds',
  },
  /** `@public`: at Azure everybody has what it permits, so that no identity has to be granted it there. */
  isPublic: {
    annotation: 'public',
    on: 'permit',
    read: readFlag,
    ofPermit: false,
    body: 'streamed',
    done: null,
    column: null,
  },
  /** `@stepup`: the sign-in that lifts this forbid; null for every other policy. */
  stepUp: {
    annotation: 'stepup',
    on: 'forbid',
    read: readStepUpOf,
    ofPermit: false,
    body: 'streamed',
    done: null,
    column: 'Facts',
  },
  /** `@approval`: the review that lifts this forbid; null for every other policy. */
  approval: {
    annotation: 'approval',
    on: 'forbid',
    read: readApprovalOf,
    ofPermit: false,
    body: 'streamed',
    done: null,
    column: null,
  },
  /** `@absent("permits")`: where nobody told a fact that this forbid asks for, it does not apply. */
  absentPermits: {
    annotation: 'absent',
    on: 'forbid',
    read: readAbsent,
    ofPermit: false,
    body: 'streamed',
    done: null,
    column: null,
  },
} as const satisfies Readonly<Record<string, Effect<unknown>>>

type Table = typeof EFFECTS
export type EffectName = keyof Table

/** What the annotations of one policy say, by effect. */
export type Annotated = { readonly [Name in EffectName]: ReturnType<Table[Name]['read']>['value'] }

/** Names of the effects of which a column of the table has a value. */
type Having<Column extends keyof Effect<unknown>, Value> = {
  [Name in EffectName]: Table[Name][Column] extends Value ? Name : never
}[EffectName]

/** Effects of one decision, of all permits that apply together. Each permit has an identity, and so has the decision. */
export type Effects = Pick<Annotated, Exclude<Having<'ofPermit', true>, 'identity'>> & {
  readonly identity: string
}

/** Effects that change a body. */
export type ChangingEffect = Having<'body', 'changed'>

/** Columns that tell what an effect has done. */
export type EffectColumn = NonNullable<Table[EffectName]['column']>

/** Columns that tell what was read of a body, or changed in it. */
export type BodyColumn = NonNullable<Table[Having<'body', 'read' | 'changed'>]['column']>

/** The same table with its types by name, so that what is read by a name has that name's type. */
const ROWS: { readonly [Name in EffectName]: Effect<Annotated[Name]> } = EFFECTS

const isEffect = (name: string): name is EffectName => Object.hasOwn(EFFECTS, name)
const isOfPermit = (name: EffectName): name is keyof Effects => EFFECTS[name].ofPermit
const NAMES = Object.keys(EFFECTS).filter(isEffect)

/** Names of the effects that a decision has, in the order in which they are told. */
export const PERMIT_EFFECTS = NAMES.filter(isOfPermit)

const BY_ANNOTATION: ReadonlyMap<string, EffectName> = new Map(
  NAMES.map((name) => [EFFECTS[name].annotation, name]),
)

/** Names of the annotations that are effects, without the `@`. */
export const EFFECT_ANNOTATIONS: readonly string[] = [...BY_ANNOTATION.keys()]

/** Annotations of one policy by name, as Cedar reads them. */
export type Given = ReadonlyMap<string, string | null>

type Place = Pick<Written, 'on' | 'identities'>

/** All that is wrong with the effects of one policy. */
export function effectMistakes(given: Given, place: Place): readonly Mistake[] {
  const misplaced = [...given.keys()].filter((annotation) => {
    const name = BY_ANNOTATION.get(annotation)
    return name !== undefined && EFFECTS[name].on !== 'both' && EFFECTS[name].on !== place.on
  })
  return [
    ...misplaced.map((name) => ({ message: `"@${name}" has no meaning on a ${place.on}` })),
    ...NAMES.flatMap((name) => readOne(name, given, place).mistake ?? []),
  ]
}

/** The effects that the annotations of one policy ask for. */
export function readEffects(given: Given, place: Place): Annotated {
  const value = <Name extends EffectName>(name: Name): Annotated[Name] =>
    readOne(name, given, place).value
  return {
    identity: value('identity'),
    pin: value('pin'),
    stamp: value('stamp'),
    redact: value('redact'),
    recordBody: value('recordBody'),
    shadow: value('shadow'),
    isPublic: value('isPublic'),
    stepUp: value('stepUp'),
    approval: value('approval'),
    absentPermits: value('absentPermits'),
  }
}

function readOne<Name extends EffectName>(
  name: Name,
  given: Given,
  place: Place,
): Read<Annotated[Name]> {
  const { annotation, read } = ROWS[name]
  return read({ ...place, annotation, text: given.get(annotation) })
}

function readFlag({ annotation, text }: Written): Read<boolean> {
  const wrong = text !== undefined && text !== null && text !== ''
  const mistake = wrong ? { message: `"@${annotation}" takes no value` } : null
  return { value: text !== undefined, mistake }
}

function readRecord({ text }: Written): Read<boolean> {
  const wrong = text !== undefined && text !== 'body'
  const mistake = wrong ? { message: '"@record" takes the value "body"' } : null
  return { value: text !== undefined, mistake }
}

function readAbsent({ text }: Written): Read<boolean> {
  const wrong = text !== undefined && text !== 'permits'
  const mistake = wrong ? { message: '"@absent" takes the value "permits"' } : null
  return { value: text === 'permits', mistake }
}

function readIdentity({ text, on, identities }: Written): Read<string | null> {
  const value = text ?? null
  if (on === 'permit' && (value ?? '') === '') {
    const message = 'a permit needs "@identity": the managed identity that the call goes out under'
    return { value, mistake: { message } }
  }
  if (value === null || identities.includes(value)) return { value }
  const suggestion = suggest(value, identities)
  return { value, mistake: { message: `unknown identity "${value}"`, suggestion } }
}

function readStepUpOf({ text }: Written): Read<SignInRequirement | null> {
  if (text === undefined) return { value: null }
  const value = readStepUp(text ?? '')
  if (typeof value !== 'string') return { value }
  const suggestion = 'write "max-age=900", "methods=mfa", or both'
  return { value: null, mistake: { message: value, suggestion } }
}

function readApprovalOf({ text }: Written): Read<ApprovalRule | null> {
  if (text === undefined) return { value: null }
  const value = readApproval(text ?? '')
  if (typeof value !== 'string') return { value }
  const suggestion = 'write "reviewers=1 from=owners request=7d valid=24h uses=1", or some of it'
  return { value: null, mistake: { message: value, suggestion } }
}

/** Longer than a day means nothing: a token does not last longer. */
const MAX_AGE_SECONDS = 86_400
const METHOD = /^[a-z][a-z0-9_.-]{0,31}$/iu

/** The requirement that the value of `@stepup` states, or what is wrong with it. */
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

/** Whether a policy asks for an effect for which bodies are read, always or where they are changed. */
export function asksForBody(policy: Annotated, body: 'read' | 'changed'): boolean {
  return NAMES.some((name) => EFFECTS[name].body === body && isInEffect(policy[name]))
}

/** What effects do to a body, in words: `pinned`, `stamped`. */
export function doneToBody(effects: Effects): readonly string[] {
  return PERMIT_EFFECTS.flatMap((name) =>
    isInEffect(effects[name]) ? (EFFECTS[name].done ?? []) : [],
  )
}

/** Whether an effect's value says more than "no". */
export function isInEffect(value: Annotated[EffectName]): boolean {
  return value !== false && value !== null
}

/** Several permits apply, and nothing says which identity is the least privileged of theirs. */
export class AmbiguousIdentity extends Error {
  override readonly name = 'AmbiguousIdentity'
}

/**
 * The effects of the rules that permitted, together. Identity: the least privileged of those named, by the order
 * that `bindings.yaml` states. All else: in effect if any of the rules asks for it.
 * @throws AmbiguousIdentity if the order does not decide; loading refuses policies for which that could happen
 */
export function resolveEffects(
  permits: readonly { readonly policy: Annotated }[],
  order: readonly string[],
): Effects {
  const policies = permits.map(({ policy }) => policy)
  return {
    identity: leastPrivileged(new Set(policies.flatMap(({ identity }) => identity ?? [])), order),
    pin: policies.some(({ pin }) => pin),
    stamp: policies.some(({ stamp }) => stamp),
    redact: policies.some(({ redact }) => redact),
    recordBody: policies.some(({ recordBody }) => recordBody),
  }
}

function leastPrivileged(identities: ReadonlySet<string>, order: readonly string[]): string {
  const [only] = identities
  const least = identities.size === 1 ? only : order.find((name) => identities.has(name))
  const unknown = identities.size > 1 && ![...identities].every((name) => order.includes(name))
  if (least === undefined || unknown) {
    throw new AmbiguousIdentity(`no order among the identities ${[...identities].join(', ')}`)
  }
  return least
}
