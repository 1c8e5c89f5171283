/**
 * Pages as templates: what is put into one is escaped, and a template that could make markup of a value is refused.
 * @module
 */

/** What a template may be given. A string is text, wherever it stands. */
export type Content = string | number | Html | Url | readonly Html[] | null

/** Markup that a template made. There is no other way to make one. */
export class Html {
  readonly #markup: string

  private constructor(markup: string) {
    this.#markup = markup
  }

  /** @internal for the templates of this file */
  static of(key: typeof KEY, markup: string): Html {
    if (key !== KEY) throw new TypeError('markup is made by templates only')
    return new Html(markup)
  }

  toString(): string {
    return this.#markup
  }
}

/** Not exported: only this file has it. */
const KEY = Symbol('html')

/** Where a link may lead: a path of this gateway, or an https address. */
export class Url {
  readonly text: string

  private constructor(text: string) {
    this.text = text
  }

  /** @throws TypeError for every other scheme, and for what browsers would take for another host */
  static to(text: string): Url {
    if (!isPath(text) && !isHttps(text)) throw new TypeError('that is no link of a page')
    return new Url(text)
  }
}

/** Whether a text may be the address of a link. */
export function isLinkable(text: string): boolean {
  return isPath(text) || isHttps(text)
}

/** `//host`, `/\host` and a tab or line break between are other hosts to a browser (WHATWG URL, "special scheme"). */
function isPath(text: string): boolean {
  return /^\/(?![/\\])[!-~]*$/u.test(text) && !text.includes('\\')
}

function isHttps(text: string): boolean {
  return /^https:\/\/[^/\\][!-~]*$/u.test(text) && URL.canParse(text) && isOfHost(new URL(text))
}

/** A name before the host looks like the host to its reader. */
function isOfHost({ username, password }: URL): boolean {
  return username === '' && password === ''
}

/** Attributes whose value a browser goes to. */
const ADDRESSES = new Set(['href', 'src', 'action', 'formaction'])
/** Attributes that hold code, or markup. */
const CODE = /^(?:on.*|style|srcdoc|srcset|ping|background|poster|data|xlink:href|http-equiv)$/u
/** Elements whose content is not text to a browser. */
const RAW = new Set(['script', 'style', 'iframe', 'noscript', 'xmp', 'noembed', 'noframes', 'plaintext', 'svg', 'math', 'template', 'object', 'embed', 'base']) // prettier-ignore

type Place = 'text' | 'attribute' | 'address'

const checked = new WeakMap<TemplateStringsArray, readonly Place[]>()

/**
 * A template literal whose values are escaped. Values stand in text and in attributes between double quotes; addresses
 * are of the type `Url`.
 * @throws TypeError for a template or a value that is none of these
 */
export function html(literals: TemplateStringsArray, ...values: readonly Content[]): Html {
  let places = checked.get(literals)
  if (places === undefined) {
    places = placesIn(literals)
    checked.set(literals, places)
  }
  let markup = literals[0] ?? ''
  for (const [index, value] of values.entries())
    markup += written(value, places[index] ?? 'text') + (literals[index + 1] ?? '')
  return Html.of(KEY, markup)
}

function written(value: Content, place: Place): string {
  if (value === null) {
    if (place === 'address') throw new TypeError('an address is missing')
    return ''
  }
  if (typeof value === 'number') return String(value)
  if (value instanceof Url) return escaped(value.text)
  if (place === 'address') throw new TypeError('an address is given as a text')
  if (typeof value === 'string') return escaped(value)
  if (place === 'attribute') throw new TypeError('markup stands in an attribute')
  if (value instanceof Html) return value.toString()
  if (!isList(value)) throw new TypeError('a template was given what is no content')
  return value.map((one) => written(one, place)).join('')
}

function isList(value: Content): value is readonly Html[] {
  return Array.isArray(value)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  // a parser makes a line feed of a plain one
  '\r': '&#13;',
}

/** Characters that no page can hold (WHATWG HTML section 13.2.3.5) are shown as what is missing. */
const UNWRITABLE = /(?![\t\n\r])\p{Cc}|\p{Cs}|[\u{fdd0}-\u{fdef}]|[\ufffe\uffff]/gu

export function escaped(text: string): string {
  return text.replace(UNWRITABLE, '\u{fffd}').replace(/[&<>"'`\r]/gu, (one) => ENTITIES[one] ?? '')
}

const TAG = /^<\/?([a-z][a-z0-9]*)/u

/** Where each value of a template stands. @throws TypeError for a template in which one could become more than text */
function placesIn(literals: TemplateStringsArray): readonly Place[] {
  const places: Place[] = []
  let inTag = false
  let attribute: string | null = null
  for (const [index, literal] of literals.raw.entries()) {
    if (literal !== literals[index]) throw new TypeError('a template holds an escape sequence')
    let at = 0
    while (at < literal.length) {
      if (attribute !== null) {
        const end = literal.indexOf('"', at)
        if (end === -1) break
        attribute = null
        at = end + 1
      } else if (inTag) {
        const next = tagPart(literal, at)
        attribute = next.attribute
        inTag = next.inTag
        at = next.at
      } else {
        const start = literal.indexOf('<', at)
        if (start === -1) break
        at = start + tagStart(literal.slice(start))
        inTag = literal[start + 1] !== '!'
      }
    }
    if (index === literals.raw.length - 1) break
    if (inTag && attribute === null) throw new TypeError('a value stands in a tag without quotes')
    if (attribute !== null && ADDRESSES.has(attribute) && !literal.endsWith(`${attribute}="`))
      throw new TypeError(`a part of "${attribute}" is a value: give the whole`)
    places.push(attribute === null ? 'text' : ADDRESSES.has(attribute) ? 'address' : 'attribute')
  }
  if (inTag) throw new TypeError('a template ends within a tag')
  return places
}

/** Length of the beginning of a tag. */
function tagStart(text: string): number {
  if (text.startsWith('<!doctype html>')) return '<!doctype html>'.length
  const [start, name = ''] = TAG.exec(text) ?? []
  if (start === undefined) throw new TypeError('a template has a "<" that begins no tag')
  // an external module, without content, is all that there is of scripts
  const isModule = text === '<script type="module" src="' || text.startsWith('</script>')
  if (RAW.has(name) && !isModule) throw new TypeError(`a template has an element "${name}"`)
  return start.length
}

interface Part {
  readonly at: number
  readonly inTag: boolean
  readonly attribute: string | null
}

/** The next part of a tag: space, its end, or the name of an attribute. */
function tagPart(literal: string, at: number): Part {
  const rest = literal.slice(at)
  const [space = ''] = /^\s+/u.exec(rest) ?? []
  if (space !== '') return { at: at + space.length, inTag: true, attribute: null }
  const [end = ''] = /^\/?>/u.exec(rest) ?? []
  if (end !== '') return { at: at + end.length, inTag: false, attribute: null }
  const [whole, name = '', quoted = ''] = /^([a-z][a-z-]*)(="?)?/u.exec(rest) ?? []
  if (whole === undefined) throw new TypeError('a template has a tag that cannot be read')
  if (CODE.test(name)) throw new TypeError(`a template has an attribute "${name}"`)
  if (quoted === '=') throw new TypeError(`the value of "${name}" has no double quotes`)
  return { at: at + whole.length, inTag: true, attribute: quoted === '="' ? name : null }
}

/** Several pieces, one behind the other. */
export function joined(pieces: readonly Html[]): Html {
  return html`${pieces}`
}
