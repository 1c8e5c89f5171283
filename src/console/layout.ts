/**
 * What all pages have around them.
 * @module
 */
import type { Assets } from './assets.ts'
import { TOKEN_FIELD } from './form.ts'
import { html, joined, Url, type Html } from './html.ts'
import type { Page, View } from './page.ts'
import { HOME, SIGN_OUT } from './paths.ts'

/** Who looks at a page, and where. */
export interface Frame {
  /** Null for who is not signed in. */
  readonly principal: { readonly id: string } | null
  /** Pages of the navigation. */
  readonly pages: readonly Pick<Page, 'path' | 'nav'>[]
  /** The path of the page. */
  readonly path: string
  readonly formToken: (path: string) => string
}

/** A whole document. */
export function documentOf(assets: Assets, view: View, frame: Frame | null): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${view.title} &middot; Azure ML Harness</title>
        <link rel="icon" href="${assets.icon}" type="image/svg+xml" />
        <link rel="stylesheet" href="${assets.stylesheet}" />
        <script type="module" src="${assets.script}"></script>
      </head>
      <body>
        <header>
          <p class="product">Azure ML Harness</p>
          ${frame === null ? null : header(frame)}
        </header>
        <main>
          <h1>${view.title}</h1>
          ${view.body}
        </main>
      </body>
    </html> `
}

function header({ principal, pages, path, formToken }: Frame): Html | null {
  if (principal === null) return null
  const links = pages.flatMap(({ path: below, nav }) =>
    nav === null ? [] : [link(nav, `${HOME}${below}`, path)],
  )
  return html`<nav aria-label="Pages">
      <ul>
        ${links}
      </ul>
    </nav>
    <div class="person">
      <span><bdi>${principal.id}</bdi></span>
      ${form(SIGN_OUT, formToken, html`<button>Sign out</button>`)}
    </div>`
}

function link(name: string, to: string, path: string): Html {
  const isHere = to === HOME ? path === to : path === to || path.startsWith(`${to}/`)
  return isHere
    ? html`<li><a href="${Url.to(to)}" aria-current="page">${name}</a></li>`
    : html`<li><a href="${Url.to(to)}">${name}</a></li>`
}

/** A form that is sent to a page of the console; it has what shows that the console gave it. */
export function form(path: string, formToken: (path: string) => string, content: Html): Html {
  return html`<form method="post" action="${Url.to(path)}">
    <input type="hidden" name="${TOKEN_FIELD}" value="${formToken(path)}" />
    ${content}
  </form>`
}

/** An instant as `2026-11-29T12:00:00.000Z`; a browser that runs the script shows it in its own time zone. */
export function time(instant: string | null, otherwise = 'no end'): Html {
  if (instant === null || !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u.test(instant)) return html`${otherwise}`
  const text = `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`
  return html`<time datetime="${instant}">${text}</time>`
}

/** Text that people or their programs have chosen: its direction does not reach beyond it. */
export function foreign(text: string): Html {
  return html`<bdi>${text}</bdi>`
}

/** Text to copy. A browser that runs the script has a button for it. */
export function copyable(label: string, text: string): Html {
  return html`<figure class="copy">
    <figcaption>${label}</figcaption>
    <pre tabindex="0" aria-label="${label}"><code>${text}</code></pre>
  </figure>`
}

/** A table; on narrow screens each row is a card. @param rows cells in the order of the columns */
export function table(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly Html[])[],
): Html {
  const heads = columns.map((one) => html`<th scope="col">${one}</th>`)
  const lines = rows.map((row) => {
    const cells = row.map(
      (cell, index) => html`<td data-label="${columns[index] ?? ''}">${cell}</td>`,
    )
    return html`<tr>
      ${cells}
    </tr>`
  })
  return html`<div class="wide" role="region" tabindex="0" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${lines}
      </tbody>
    </table>
  </div>`
}

/** Names beside what they say. */
export function facts(pairs: readonly (readonly [string, Html | string | null])[]): Html {
  const lines = pairs.flatMap(([name, value]) =>
    value === null
      ? []
      : [
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
        ],
  )
  return html`<dl>${joined(lines)}</dl>`
}
