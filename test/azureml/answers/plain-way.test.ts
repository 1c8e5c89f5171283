/**
 * The rewriter passes over most of a document without looking at it. What it gives is what the plain way gives, which reads
 * one value after the other with a pattern for each: the same bytes, and a refusal for the same documents.
 */
import * as fc from 'fast-check'
import t from 'tap'
import {
  compilePlan,
  isMapped,
  isUrl,
  type PlanNode,
} from '../../../src/azureml/answers/json-plan.ts'
import type { FieldRule } from '../../../src/azureml/answers/json-plan.ts'
import { createJsonRewriter } from '../../../src/azureml/answers/json-rewriter.ts'
import { Refusal } from '../../../src/errors.ts'
import { passed } from '../../support/rewriting.ts'

const rule = (kind: FieldRule['kind'], ...paths: readonly string[]): readonly FieldRule[] =>
  paths.map((path) => ({ path: path.split('.'), kind }))
const PLANS = [
  [
    ...rule('page', 'nextLink'),
    ...rule('url', 'value.*.url'),
    ...rule('link', 'services.*.endpoint', '*.x'),
    ...rule('keep', 'services.studio.endpoint'),
    ...rule('redact', 'token', 'value.*.token'),
    ...rule('scoring', 'value.*.inner.uri'),
  ],
  [...rule('url', 'url'), ...rule('link', '*.url', '*.*.x')],
  [{ path: [], kind: 'redact' } as const, ...rule('redact', '*'), ...rule('keep', 'x')],
].map(compilePlan)
const MAX_DEPTH = 12

/** The gateway's URL; what is foreign must not pass. */
function map(value: string): string {
  if (value === 'foreign') throw new Refusal('upstream_foreign_url', 'foreign')
  return value === 'azure' ? 'https://gateway/"' : value
}

const STRING = /"(?:[^"\\\p{Cc}]|\x7f|[\x80-\x9f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy
const WORD = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w+.-])/y
const SPACE = /[ \t\r\n]*/y

/** What passes of a document, read in the plain way. @throws what refuses it */
class PlainWay {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(plan: PlanNode): string {
    const out = this.#take(SPACE) + this.#value(plan, 0) + this.#take(SPACE)
    if (this.#at !== this.#text.length) throw new SyntaxError('goes on')
    return out
  }

  #value(place: PlanNode | null, depth: number): string {
    const first = this.#text[this.#at] ?? ''
    if (isUrl(place) && first !== '"' && first !== 'n') throw new SyntaxError('no URL')
    const isInside = (first === '{' || first === '[') && place?.inner === true
    if (place?.kind === 'redact' && !isInside) {
      this.#any(null, first, depth)
      return '"[redacted]"'
    }
    return this.#any(place, first, depth)
  }

  #any(place: PlanNode | null, first: string, depth: number): string {
    if (first === '{') return this.#container(place, depth + 1, '}')
    if (first === '[') return this.#container(place, depth + 1, ']')
    if (first !== '"') return this.#some(WORD)
    const quoted = this.#some(STRING)
    if (!isMapped(place?.kind)) return quoted
    const value = String(JSON.parse(quoted))
    const mapped = map(value)
    return mapped === value ? quoted : JSON.stringify(mapped)
  }

  #container(place: PlanNode | null, depth: number, close: string): string {
    if (depth > MAX_DEPTH) throw new SyntaxError('too deep')
    const seen = new Set<string>()
    let out = this.#next() + this.#take(SPACE)
    for (let first = true; first || this.#text[this.#at] !== close; first = false) {
      if (first && this.#text[this.#at] === close) break
      if (!first) out += this.#next(',') + this.#take(SPACE)
      let inner = place?.any ?? null
      if (close === '}') {
        const quoted = this.#some(STRING)
        const key = String(JSON.parse(quoted)).toLowerCase()
        const named = place?.keys.get(key)?.node
        if (named !== undefined && seen.has(key)) throw new SyntaxError('twice')
        if (named !== undefined) seen.add(key)
        inner = named ?? inner
        out += quoted + this.#take(SPACE) + this.#next(':') + this.#take(SPACE)
      }
      out += this.#value(inner, depth) + this.#take(SPACE)
    }
    return out + this.#next(close)
  }

  #next(wanted?: string): string {
    const found = this.#text[this.#at] ?? ''
    if (found === '' || (wanted ?? found) !== found) throw new SyntaxError('another')
    this.#at += 1
    return found
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const [found = ''] = pattern.exec(this.#text) ?? []
    this.#at += found.length
    return found
  }

  #some(pattern: RegExp): string {
    const found = this.#take(pattern)
    if (found === '') throw new SyntaxError('nothing')
    return found
  }
}

const REFUSED = '(refused)'

function plain(text: string, plan: PlanNode): string {
  try {
    return new PlainWay(text).document(plan)
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return REFUSED
    throw error
  }
}

function fast(text: string, plan: PlanNode, sizes: readonly number[]): string {
  try {
    const rewriterOf = () => createJsonRewriter({ plan, map, maxDepth: MAX_DEPTH })
    return passed(rewriterOf, Buffer.from(text), sizes)
  } catch (error) {
    if (error instanceof Refusal) return REFUSED
    throw error
  }
}

const KEYS = [
  'nextLink', 'NEXTLINK', 'nex\\u0074Link', 'value', 'url', 'URL', '\\u0075rl', 'services', 'studio', 'endpoint', 'token', 'inner',
  'uri', 'x', 'X', 'nextlin\\u212a', '', 'a\\"', 'é',
] // prettier-ignore
const LEAVES = [
  '"azure"', '"azure"', '"\\u0061zure"', '"foreign"', '"text"', '""', '"a\\/b \\\\"', '"é𝄞 and a text of more words"', '0', '-1.5e+3', '12', 'true', 'false', 'null',
  '01', 'tru', '1.', '+1', '"open', '"\\x"', '"a text\u0001 that breaks off"',
] // prettier-ignore
const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r ')
const leaf = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom(...LEAVES.slice(0, 14)) },
  { weight: 1, arbitrary: fc.constantFrom(...LEAVES.slice(14)) },
)
const { document } = fc.letrec<{ document: string }>((tie) => {
  const value = tie('document')
  const member = fc
    .tuple(fc.constantFrom(...KEYS), space, space, value)
    .map(([key, before, after, inner]) => `"${key}"${before}:${after}${inner}`)
  const joined = (items: fc.Arbitrary<string[]>, open: string, close: string) =>
    fc.tuple(items, space).map(([all, gap]) => `${open}${gap}${all.join(`${gap},`)}${gap}${close}`)
  return {
    document: fc.oneof(
      { depthSize: 'large', withCrossShrink: true },
      leaf,
      joined(fc.array(member, { maxLength: 6 }), '{', '}'),
      joined(fc.array(member, { maxLength: 6 }), '{', '}'),
      joined(fc.array(value, { maxLength: 4 }), '[', ']'),
    ),
  }
})
/** One character of some documents is another one. */
const spoilt = fc
  .tuple(
    document,
    fc.nat(),
    fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '0', 'e', 'u', ' ', '\u0001'),
    fc.nat(3),
  )
  .map(([text, at, by, spoil]) => {
    if (spoil > 0) return text
    const place = at % (text.length + 1)
    return (text.slice(0, place) + by + text.slice(place + 1)).toWellFormed()
  })

t.test('the same bytes and refusals as in the plain way, wherever the chunks part', async (t) => {
  const seen = { changed: 0, kept: 0, refused: 0 }
  fc.assert(
    fc.property(
      spoilt,
      fc.nat(PLANS.length - 1),
      fc.array(fc.nat(20), { maxLength: 8 }),
      (text, which, sizes) => {
        const plan = PLANS[which]
        if (plan === undefined) throw new Error('no plan')
        const expected = plain(text, plan)
        seen[expected === REFUSED ? 'refused' : expected === text ? 'kept' : 'changed'] += 1
        // an answer without a body is no document, and passes
        if (text === '') return
        for (const parts of [[], sizes]) {
          const got = fast(text, plan, parts)
          if (got !== expected) throw new Error(`${JSON.stringify(text)}: ${got}, not ${expected}`)
        }
      },
    ),
    { numRuns: 10_000 },
  )
  t.comment(JSON.stringify(seen))
  for (const [what, count] of Object.entries(seen)) t.ok(count > 200, `documents ${what}: ${count}`)
})
