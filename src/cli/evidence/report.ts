/**
 * The page of a bundle that people read and print: exceptions first, then a section for each control.
 * @module
 */
import { html, type Html } from '../../console/html.ts'
import { OUT_OF_SCOPE, type Control } from './controls/controls.ts'
import type { Exception } from './exceptions.ts'
import type { File } from './bundle.ts'

export interface ReportOptions {
  readonly controls: readonly Control[]
  /** What was not given, so that nothing is known of it. */
  readonly unknown: readonly string[]
  readonly from: string
  readonly to: string
  readonly exceptions: readonly Exception[]
  readonly files: readonly File[]
  readonly records: number
}

/** As many exceptions are in the page as a person reads; the table has all of them. */
const MAX_SHOWN = 200

export function reportOf(options: ReportOptions): string {
  const { from, to, exceptions, files, records, controls, unknown } = options
  const incomplete = exceptions.filter(({ kind }) => kind === 'incomplete').length
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>Evidence from ${from} to ${to}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
      </head>
      <body>
        <main>
          <h1>Evidence from ${from} to ${to}</h1>
          <p>
            From ${records} records of a gateway to Azure Machine Learning. This is evidence for the
            controls below; whether they are met is for an auditor to say.
          </p>
          <p>
            ${
              incomplete === 0
                ? 'What was collected is proved complete by the numbers, the chain and the signatures of its records; what was not given is named below.'
                : `${incomplete} populations or parts of them could not be proved complete.`
            }
          </p>
          <h2>Exceptions</h2>
          ${exceptionsOf(exceptions)}
          <h2>Controls</h2>
          ${controls.map(
            ({ id, criteria, statement, evidence, test }) =>
              html`<section>
                <h3>${id}: ${criteria.join(', ')}</h3>
                <p>${statement}</p>
                <p>Exceptions: ${exceptions.filter(({ control }) => control === id).length}</p>
                <p>To try it: ${test}</p>
                <ul>
                  ${evidence.map((path) => html`<li>${sizeOf(path, files)}</li>`)}
                </ul>
              </section>`,
          )}
          <h2>What this says nothing about</h2>
          <ul>
            ${OUT_OF_SCOPE.map((one) => html`<li>${one}</li>`)}
          </ul>
          ${notGiven(unknown)}
          <h2>Files</h2>
          <table>
            <thead>
              <tr>
                <th scope="col">File</th>
                <th scope="col">Rows</th>
                <th scope="col">What it holds</th>
              </tr>
            </thead>
            <tbody>
              ${files.map(
                ({ path, rows, what }) =>
                  html`<tr>
                    <td>${path}</td>
                    <td>${rows ?? ''}</td>
                    <td>${what}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </main>
      </body>
    </html>`
    .toString()
    .replace('</head>', `${STYLES}</head>`)
}

function notGiven(unknown: readonly string[]): Html | null {
  if (unknown.length === 0) return null
  return html`<p>Nothing is known of the following, because it was not given:</p>
    <ul>
      ${unknown.map((one) => html`<li>${one}</li>`)}
    </ul>`
}

function sizeOf(path: string, files: readonly File[]): string {
  const file = files.find((one) => one.path === path)
  return file === undefined ? `${path}: not collected` : `${path}: ${file.rows ?? 0} rows`
}

function exceptionsOf(exceptions: readonly Exception[]): Html {
  if (exceptions.length === 0) return html`<p>None was found.</p>`
  const shown = exceptions.slice(0, MAX_SHOWN)
  return html`<p>${exceptions.length} in exceptions.csv, of which the first ${shown.length}:</p>
    <table>
      <thead>
        <tr>
          <th scope="col">Kind</th>
          <th scope="col">Control</th>
          <th scope="col">What</th>
          <th scope="col">Where</th>
        </tr>
      </thead>
      <tbody>
        ${shown.map(
          ({ kind, control, what, where }) =>
            html`<tr>
              <td>${kind}</td>
              <td>${control}</td>
              <td>${what}</td>
              <td>${where}</td>
            </tr>`,
        )}
      </tbody>
    </table>`
}

/** Templates take no styles: this one has no value in it. */
const STYLES = `<style>
  body {
    font:
      15px/1.5 system-ui,
      sans-serif;
    max-width: 60rem;
    margin: 2rem auto;
    padding: 0 1rem;
    color: #1b1b1b;
    background: #fff;
  }
  table {
    border-collapse: collapse;
    width: 100%;
    font-size: 13px;
  }
  th,
  td {
    border: 1px solid #bbb;
    padding: 0.3rem 0.5rem;
    text-align: left;
    vertical-align: top;
    overflow-wrap: anywhere;
  }
  section {
    break-inside: avoid;
  }
  @media print {
    body {
      margin: 0;
      max-width: none;
    }
    h2 {
      break-after: avoid;
    }
  }
</style>`
