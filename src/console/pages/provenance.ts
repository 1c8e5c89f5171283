/**
 * What pages say of records: where they are from, as of when, and whether these are all.
 * @module
 */
import type { Answer } from '../answer.ts'
import { html, joined, type Html } from '../html.ts'
import { foreign, time } from '../layout.ts'

/** A sentence. */
export function provenance(answer: Answer): Html {
  return html`${
    answer.text('source') === 'spool'
      ? html`Records of this replica, since ${time(answer.textOrNull('from'), 'its start')}`
      : html`Records of all replicas, in Azure Monitor`
  },
  as of ${time(answer.textOrNull('asOf'))}, from ${time(answer.textOrNull('since'))} until
  ${time(answer.textOrNull('until'))}:
  ${
    answer.isTrue('complete')
      ? html`<span class="good">complete</span>`
      : html`<span class="bad">not complete</span>`
  }.`
}

/** What is missing, as a list; null if that is nothing. */
export function faults(answer: Answer): Html | null {
  const lines = answer.list('faults').map((one) => html`<li>${foreign(one.text())}</li>`)
  if (lines.length === 0) return null
  return html`<ul class="bad">
    ${joined(lines)}
  </ul>`
}
