/**
 * What an auditor has to look at first. `incomplete` says that a population could not be proved whole.
 * @module
 */
import type { Table } from '../csv.ts'

export interface Exception {
  readonly kind: 'incomplete' | 'exception'
  /** The control that it is about (controls.ts). */
  readonly control: string
  readonly what: string
  /** Where to look: a record, a binding, a review, a chain. */
  readonly where: string
}

export function exceptionTable(found: readonly Exception[]): Table {
  return {
    path: 'exceptions.csv',
    columns: ['kind', 'control', 'what', 'where'],
    rows: found.map(({ kind, control, what, where }) => [kind, control, what, where]),
    what: 'What did not go as the controls say, and populations that could not be proved complete.',
  }
}
