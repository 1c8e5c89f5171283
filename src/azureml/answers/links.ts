/**
 * Links that a client follows as they are: written so that it can, and meaning at Azure what they meant there.
 *
 * Azure's services put documents into queries without encoding them: `?$skip=[{"token":"...#RT:1"}]`. Every client reads
 * such a link in its own way, and drops what stands behind the `#`; a request with it would be refused here.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { parseTarget } from '../target.ts'

/** What query.ts refuses in a query as it is; `%` stays, because what is encoded already is not encoded again. */
const NOT_PLAIN = /[^A-Za-z0-9\-._~!$&'()*+,=:@%/?]+/gu

/** The query of a URL with all encoded that has to be, a `#` in it too, and nothing in it twice. */
export function written(url: string): string {
  const mark = url.indexOf('?')
  if (mark === -1) return url
  const query = url.slice(mark + 1)
  if (!query.isWellFormed()) return url
  const plain = query.replaceAll(NOT_PLAIN, (text) => encodeURIComponent(text))
  return `${url.slice(0, mark)}?${onceEach(plain)}`
}

/**
 * Parameters with one `=` each, because some clients drop what stands behind a second one, and without the second of two
 * that say the same: `%24top=2&$top=2`.
 */
function onceEach(query: string): string {
  const parts = new Map<string, string>()
  for (const part of query.split('&')) {
    const [name = '', ...rest] = part.split('=')
    const value = rest.length === 0 ? '' : `=${rest.join('%3D')}`
    const same = `${name.replaceAll('%24', '$').toLowerCase()}${value}`
    if (!parts.has(same)) parts.set(same, `${name}${value}`)
  }
  return [...parts.values()].join('&')
}

/**
 * A URL of the gateway's that it would read when a client followed it.
 *
 * @param where header or field that has it, for the refusal
 * @throws {Refusal} `upstream_bad_answer` with the reason for which following it would be refused
 */
export function checkFollowed(url: string, publicUrl: string, where: string): void {
  const { length } = publicUrl
  if (url.slice(0, length).toLowerCase() !== publicUrl.toLowerCase()) return
  try {
    parseTarget('GET', url.slice(length))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal(
      'upstream_bad_answer',
      `azure's ${where} could not be followed here: ${error.message}`,
      { inner: error.code },
    )
  }
}
