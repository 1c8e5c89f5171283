/**
 * What a query about records asks for. Each parameter has one form; what is not one of them is refused by its name.
 * @module
 */
import { isIP } from 'node:net'
import type { Conditions, Outcome } from '../audit/search/records.ts'
import { HOUR_MS } from '../audit/search/records.ts'
import type { Target } from '../azureml/target.ts'
import { Refusal, STATUS } from '../errors.ts'
import { isGuid } from '../lib/guid.ts'
import { didYouMean } from '../lib/suggest.ts'
import { readInstant } from '../policy/load/period.ts'
import { OWN_PROVIDER } from '../vocabulary/actions.ts'
import { PROVIDER } from '../vocabulary/resource-types.ts'

/** What both pages of records and their summary take. */
export const FILTERS = [
  'who',
  'decision',
  'action',
  'resource',
  'workspace',
  'outcome',
  'refusal',
  'secrets',
  'since',
  'until',
  'review',
  'source',
] as const

const DAY_MS = 24 * HOUR_MS
const MAX_RANGE_MS = 92 * DAY_MS
const UNITS: ReadonlyMap<string, number> = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', HOUR_MS],
  ['d', DAY_MS],
])
const OUTCOMES: readonly Outcome[] = ['permitted', 'refused']
/** Characters of any id. */
const MAX_LENGTH = 1_024
const ACTION = /^[\w.-]+(?:\/[\w.-]+){1,12}$/u
/** ARM ids, and the gateway's own paths. Names at Azure have letters of any alphabet in resource groups alone. */
const RESOURCE = /^\/(?:subscriptions|_harness)(?:\/[\p{L}\p{N}_.()@~:-]+)*$/u
const REVIEW = /^[a-z2-7]{16}-[1-9]\d{0,4}$/u

type Params = Target['params']

export interface AskedOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The caller's id. */
  readonly me: string
  /** The ARM id of a workspace that is named; null for a name that is none of the caller's. */
  readonly placeOf: (on: string) => string | null
}

/** @throws Refusal `bad_query` for a parameter that is none of `known`, naming it */
export function refuseUnknown(params: Params, known: readonly string[]): void {
  for (const name of params.keys()) {
    if (!known.includes(name))
      throw new Refusal('bad_query', `"${name}" is no parameter here${didYouMean(name, known)}`, {
        remedy: `use ${known.join(', ')}`,
      })
  }
}

/** @throws Refusal `bad_query` naming the parameter that is not understood */
export function conditionsIn(params: Params, { now, me, placeOf }: AskedOptions): Conditions {
  const text = (name: string): string | null => {
    const value = params.get(name)
    if (value === undefined) return null
    if (value === '') throw bad(name, 'is empty')
    if (value.length > MAX_LENGTH) throw bad(name, `is longer than ${MAX_LENGTH} characters`)
    return value
  }
  const of = (name: string, is: (value: string) => boolean, form: string): string | null => {
    const value = text(name)
    if (value !== null && !is(value)) throw bad(name, `is ${form}`)
    return value
  }
  const oneOf = <T extends string>(name: string, values: readonly T[]): T | null => {
    const value = text(name)
    const found = values.find((one) => one === value)
    if (value !== null && found === undefined) throw bad(name, `is one of ${values.join(', ')}`)
    return found ?? null
  }
  const who = text('who')
  const action = of('action', (value) => ACTION.test(value), 'the name of an action')
  const secrets = oneOf('secrets', ['true', 'false'])
  const until = instantOf('until', text('until'), now) ?? now
  const since = instantOf('since', text('since'), now) ?? until - DAY_MS
  if (since >= until) throw bad('since', 'is not before "until"')
  if (until - since > MAX_RANGE_MS)
    throw bad('since', `is more than ${MAX_RANGE_MS / DAY_MS} days before "until"`)
  return {
    since,
    until,
    principal: who === 'me' ? me : who,
    decision: of('decision', isGuid, 'the id of a decision')?.toLowerCase() ?? null,
    action: action === null ? null : fullAction(action),
    resource: placeIn(text('resource'), text('workspace'), placeOf),
    outcome: oneOf('outcome', OUTCOMES),
    code: oneOf('refusal', Object.keys(STATUS)),
    secrets: secrets === null ? null : secrets === 'true',
    review: of('review', (value) => REVIEW.test(value), 'the id of a review'),
    events: null,
    source: of('source', (value) => isIP(value) !== 0, 'an IP address'),
  }
}

/** A whole number from 1 on. @throws Refusal `bad_query` */
export function limitIn(params: Params, usual: number, most: number): number {
  const text = params.get('limit')
  if (text === undefined) return usual
  const number = /^[1-9]\d{0,6}$/u.test(text) ? Number(text) : Infinity
  if (number > most) throw bad('limit', `is a number from 1 to ${most}`)
  return number
}

const bad = (name: string, why: string): Refusal => new Refusal('bad_query', `"${name}" ${why}`)

/** @returns milliseconds since the epoch */
function instantOf(name: string, text: string | null, now: number): number | null {
  if (text === null) return null
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/u.exec(text) ?? []
  const ago = UNITS.get(unit)
  if (ago !== undefined) return now - Number(count) * ago
  const time = readInstant(text)
  if (typeof time !== 'number')
    throw new Refusal(
      'bad_query',
      `"${name}" is an ISO 8601 time with its zone, or so long ago, as in 10m`,
      { remedy: 'as in 2026-11-21T08:00:00Z; the + of a zone is written %2B in a query' },
    )
  return time
}

function fullAction(name: string): string {
  const lower = name.toLowerCase()
  const isWhole =
    lower.startsWith('microsoft.') || lower.startsWith(`${OWN_PROVIDER}/`.toLowerCase())
  return isWhole ? name : `${PROVIDER}/${name}`
}

function placeIn(
  resource: string | null,
  workspace: string | null,
  placeOf: AskedOptions['placeOf'],
): string | null {
  if (resource !== null && workspace !== null)
    throw bad('workspace', 'cannot stand beside "resource": one of them is enough')
  if (resource !== null) {
    if (!RESOURCE.test(resource)) throw bad('resource', 'is an ARM id')
    return resource.toLowerCase()
  }
  if (workspace === null) return null
  const place = placeOf(workspace)
  if (place === null || !RESOURCE.test(place))
    throw new Refusal('bad_query', '"workspace" is no workspace that you have access to', {
      remedy: 'give its ARM id',
    })
  return place
}
