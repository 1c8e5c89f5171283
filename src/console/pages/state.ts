/**
 * State: how the gateway is, in words. For operators: to others the API refuses it, and so does the page.
 * @module
 */
import type { Answer } from '../answer.ts'
import { html, type Html } from '../html.ts'
import { facts, foreign, table, time } from '../layout.ts'
import type { Page } from '../page.ts'

export const statePage: Page = {
  path: '/state',
  nav: 'State',
  async show(visit) {
    const state = await visit.ask('/_harness/api/state')
    const isReady = state.text('status') === 'ready'
    return {
      title: 'State of this replica',
      body: html`<p class="notice" role="status">
          <span class="${isReady ? 'good' : 'bad'}">${state.text('status')}</span>:
          ${foreign(state.text('says'))}, as of ${time(state.textOrNull('asOf'))}.
        </p>
        ${facts([
          ['Version', state.text('version')],
          ['Policies', state.text('policyVersion')],
          [
            'Records are searched in',
            state.text('records') === 'spool'
              ? 'the spool of the replica that is asked'
              : 'Azure Monitor',
          ],
        ])}
        <h2>Parts</h2>
        ${saying(state.list('parts'), 'Part', (one) => one.isTrue('ok'))}
        <h2>Audit trail</h2>
        ${spool(state.at('spool'))}
        ${saying(state.list('sinks'), 'Sink', (one) => one.text('state') === 'ok')}
        <h2>Issuers</h2>
        ${saying(state.list('issuers'), 'Issuer', (one) => one.isTrue('usable'))}
        <h2>Identities</h2>
        ${saying(state.list('identities'), 'Identity', (one) => !isWithoutToken(one))}
        <p class="quiet">
          Numbers over time are on the metrics port; <code>azureml-harness doctor</code> asks
          everything that the gateway depends on.
        </p>`,
    }
  },
}

const isWithoutToken = (one: Answer): boolean =>
  one.list('tokens').some((token) => token.isTrue('failing') && !token.isThere('usableUntil'))

/** Each of a list with what there is to say of it. */
function saying(all: readonly Answer[], what: string, isWell: (one: Answer) => boolean): Html {
  const rows = all.map((one) => [
    foreign(one.text('name')),
    isWell(one) ? html`<span class="good">well</span>` : html`<span class="bad">not well</span>`,
    foreign(one.text('says')),
  ])
  if (rows.length === 0) return html`<p>There is none.</p>`
  return table(`What each ${what.toLowerCase()} does`, [what, 'State', 'In words'], rows)
}

function spool(one: Answer): Html {
  const mib = (name: string): string => `${Math.round(one.number(name) / 1_048_576)} MiB`
  return html`<p>${foreign(one.text('says'))}.</p>
    ${facts([
      ['On the disk', `${mib('bytes')} in ${one.text('segments')} segments`],
      ['Calls are refused from', mib('hardLimitBytes')],
      ['Free on its disk', mib('diskFreeBytes')],
      [
        'A record counts once it',
        one.text('durability') === 'fsync' ? 'is on the disk' : 'is with the operating system',
      ],
    ])}`
}
