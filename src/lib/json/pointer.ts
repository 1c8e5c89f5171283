/**
 * Places in a JSON document, written for people in refusals and records.
 * @module
 */

/** A key of Azure's API is a short word; any other key is the caller's own, and is cut and quoted. */
const KNOWN = /^[A-Za-z][A-Za-z0-9_]{0,39}$/
const MAX_CHARACTERS = 24
const MAX_STEPS = 24

/** A JSON pointer (RFC 6901) whose foreign keys are cut and quoted; `/` for the document itself. */
export function showPointer(path: readonly (string | number)[]): string {
  const shown = path.slice(0, MAX_STEPS).map((step) => {
    if (typeof step === 'number' || KNOWN.test(step)) return String(step)
    const cut = step.length > MAX_CHARACTERS ? `${step.slice(0, MAX_CHARACTERS)}...` : step
    return JSON.stringify(cut.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'))
  })
  return `/${shown.join('/')}${path.length > MAX_STEPS ? '/...' : ''}`
}
