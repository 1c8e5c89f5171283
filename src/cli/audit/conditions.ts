/**
 * Which records or requests `audit cat` shows.
 * @module
 */
import { isAbout, timeOf } from '../../audit/inspect/browse.ts'
import { COLUMNS } from '../../audit/record/columns.ts'
import { didYouMean } from '../../lib/suggest.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { rangeOf } from './given.ts'

export type Columns = ReadonlyMap<string, unknown>

/** Whether what these columns say is asked for. */
export type Condition = (columns: Columns) => boolean

export interface Conditions {
  /** All must hold. */
  readonly all: readonly Condition[]
  /** Of the record's time; milliseconds since the epoch. */
  readonly since: number
  readonly until: number
}

export interface ConditionOptions {
  readonly where?: string[] | undefined
  readonly refused?: true | undefined
  readonly secrets?: true | undefined
  readonly who?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/** @throws UsageError for what names no column, or no time */
export function conditionsOf(options: ConditionOptions, io: Io): Conditions {
  const { who } = options
  const all = (options.where ?? []).map(conditionOf)
  if (options.refused === true)
    all.push((columns) => columns.get('Decision') === 'refuse' || isRefusal(columns))
  if (options.secrets === true) all.push((columns) => columns.get('Secrets') === true)
  if (who === '') throw new UsageError('--who is a part of an id: everybody has an empty one')
  if (who !== undefined) all.push((columns) => includes(columns.get('PrincipalId'), who))
  return { all, ...rangeOf(options, io.now()) }
}

/** Whether a record lies in the time that is asked for. */
export function isInTime(columns: Columns, { since, until }: Conditions): boolean {
  if (since === -Infinity && until === Infinity) return true
  const time = timeOf(columns)
  return time >= since && time <= until
}

const isRefusal = (columns: Columns): boolean => {
  const code = columns.get('RefusalCode')
  return typeof code === 'string' && code !== ''
}

const OPERATORS: Readonly<Record<string, (value: unknown, wanted: string) => boolean>> = {
  '=': equals,
  '!=': (value, wanted) => !equals(value, wanted),
  '~': includes,
}

function conditionOf(text: string): Condition {
  const [, name = '', operator = '', wanted = ''] = /^(\w+)(!=|=|~)(.*)$/su.exec(text) ?? []
  const holds = OPERATORS[operator]
  if (holds === undefined)
    throw new UsageError(`"${text}" is not COLUMN=VALUE, COLUMN!=VALUE or COLUMN~TEXT`)
  if (operator === '~' && wanted === '') throw new UsageError(`"${text}" is no text to look for`)
  if (!Object.hasOwn(COLUMNS, name))
    throw new UsageError(`"${name}" is not a column${didYouMean(name, Object.keys(COLUMNS))}`)
  // a summary of refusals names some of the requests that it counts
  if (name === 'ExchangeId' && operator === '=') return (columns) => isAbout(columns, wanted)
  return (columns) => holds(columns.get(name), wanted)
}

/** Text compares without case, as ARM does; of a list, one member has to be it. */
function equals(value: unknown, wanted: string): boolean {
  const values: unknown[] = Array.isArray(value) ? value : [value]
  return values.some((item) => String(item).toLowerCase() === wanted.toLowerCase())
}

function includes(value: unknown, wanted: string): boolean {
  const values: unknown[] = Array.isArray(value) ? value : [value]
  return values.some(
    (item) => typeof item === 'string' && item.toLowerCase().includes(wanted.toLowerCase()),
  )
}
