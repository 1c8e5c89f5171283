/**
 * What a list shows, chosen above it: whose it is, and in which state.
 * @module
 */
import { html, Url, type Html } from '../html.ts'
import { queryOf } from '../paths.ts'

export interface Choices {
  /** Of the page. */
  readonly path: string
  readonly label: string
  /** Whose, as the API calls it, and what the page calls it. */
  readonly whose: readonly (readonly [id: string, name: string])[]
  readonly states: readonly string[]
}

/** @param to whose is shown now @param state that is shown now; both come from the query, and may be anything */
export function choices({ path, label, whose, states }: Choices, to: string, state: string): Html {
  const known = states.includes(state) ? state : null
  const links = whose.map(([id, name]) => {
    const at = Url.to(`${path}${queryOf({ to: id, state: known })}`)
    return id === to
      ? html`<li><a href="${at}" aria-current="true">${name}</a></li>`
      : html`<li><a href="${at}">${name}</a></li>`
  })
  const options = states.map((one) =>
    one === state
      ? html`<option value="${one}" selected>${one}</option>`
      : html`<option value="${one}">${one}</option>`,
  )
  return html`<nav aria-label="${label}">
      <ul>
        ${links}
      </ul>
    </nav>
    <form method="get" action="${Url.to(path)}" class="filters">
      <input type="hidden" name="to" value="${to}" />
      <label for="state">State</label>
      <select id="state" name="state">
        ${options}
      </select>
      <button class="second">Show</button>
    </form>`
}
