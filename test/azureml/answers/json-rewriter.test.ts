import t from 'tap'
import { compilePlan } from '../../../src/azureml/answers/json-plan.ts'
import type { FieldRule } from '../../../src/azureml/answers/json-plan.ts'
import { createJsonRewriter } from '../../../src/azureml/answers/json-rewriter.ts'
import { Refusal } from '../../../src/errors.ts'
import { passed, written } from '../../support/rewriting.ts'

const RULES: readonly FieldRule[] = [
  { path: ['nextLink'], kind: 'url' },
  { path: ['value', '*', 'properties', 'url'], kind: 'url' },
  { path: ['services', '*', 'endpoint'], kind: 'link' },
  { path: ['services', 'Studio'], kind: 'link' },
  { path: ['token'], kind: 'redact' },
  { path: ['value', '*', 'token'], kind: 'redact' },
]
const plan = compilePlan(RULES)
const map = (value: string) => value.replace('upstream', 'gate"way')

/** The document in pieces of the given sizes, through a rewriter of its own. */
function run(text: string | Buffer, sizes: readonly number[] = [], use = map): string {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text)
  return passed(() => createJsonRewriter({ plan, map: use }), bytes, sizes)
}

const code = (text: string | Buffer): string => {
  try {
    run(text)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

t.test('watched strings change and every other byte stays, wherever the chunks part', (t) => {
  const before =
    ' { "nextLink" : "https:\\/\\/upstream/\\u0061?b=\\"1\\"", "text":"https://upstream/ \\u00e9 é 𝄞",\n"x":-1.50e+07,' +
    '"value":[{"properties":{"url":"upstream","urls":"upstream"},"token":{"a":["upstream",{}]},"tags":{"nextLink":"upstream"}}],' +
    '"services":{"Tracking":{"endpoint":"upstream"},"Studio":{"endpoint":"upstream"}},"token":null,"nex\\u0074link2":"upstream"}\r\n'
  const after =
    ' { "nextLink" : "https://gate\\"way/a?b=\\"1\\"", "text":"https://upstream/ \\u00e9 é 𝄞",\n"x":-1.50e+07,' +
    '"value":[{"properties":{"url":"gate\\"way","urls":"upstream"},"token":"[redacted]","tags":{"nextLink":"upstream"}}],' +
    '"services":{"Tracking":{"endpoint":"gate\\"way"},"Studio":{"endpoint":"upstream"}},"token":"[redacted]","nex\\u0074link2":"upstream"}\r\n'
  t.equal(run(before), after)
  const { length } = Buffer.from(before)
  for (let at = 0; at <= length; at += 1) {
    if (run(before, [at]) !== after) t.fail(`parted at ${at}`)
    if (run(before, [at, 1]) !== after) t.fail(`parted at ${at} and after one byte`)
  }
  t.equal(
    run(
      before,
      Array.from({ length }, () => 1),
    ),
    after,
    'byte by byte',
  )
  t.end()
})

t.test('keys are found in any case and however they are escaped', (t) => {
  t.equal(run('{"\\u006eExtLINK":"upstream"}'), '{"\\u006eExtLINK":"gate\\"way"}')
  t.equal(run('{"NEXTLINK":"upstream"}', [4, 3]), '{"NEXTLINK":"gate\\"way"}')
  t.end()
})

t.test('a value that the map leaves alone keeps its own escapes', (t) => {
  t.equal(run('{"nextLink":"a\\/\\u0062"}'), '{"nextLink":"a\\/\\u0062"}')
  t.end()
})

t.test('where one URL should be, nothing but a string or null passes', (t) => {
  t.equal(run('{"nextLink":null}'), '{"nextLink":null}')
  for (const text of [
    '{"nextLink":{"nextLink":"upstream"}}',
    '{"nextLink":["upstream"]}',
    '{"nextLink":0}',
  ]) {
    t.equal(code(text), 'upstream_bad_answer', text)
  }
  const link = '{"services":{"a":{"endpoint":["upstream",7]}}}'
  t.equal(run(link), link, 'a link that is followed by nobody may be anything')
  t.end()
})

t.test('a redacted value of any type goes as a whole', (t) => {
  for (const value of [
    '"a\\"b"',
    '1',
    'null',
    'true',
    '{}',
    '[]',
    '{"token":[{"a":"]}"}]}',
    '[[["x"]]]',
    ' 12 ',
  ]) {
    const space = value.endsWith(' ') ? ' ' : ''
    for (let at = 0; at < value.length + 10; at += 1) {
      const out = run(`{"token":${value},"a":1}`, [at])
      if (out !== `{"token":${value.startsWith(' ') ? ' ' : ''}"[redacted]"${space},"a":1}`)
        t.fail(`${value}: ${out}`)
    }
    t.notMatch(run(`{"token":${value}}`), /x|a\\/)
  }
  t.end()
})

t.test('what is not JSON is refused', (t) => {
  const faults = [
    ' ', '{', '[', '}', ']', '{]', '[}', '[1}', '{"a":1]', '{"a"}', '{"a":}', '{"a":1,}', '[1,]', '[,1]', '{,}', '{a:1}', "{'a':1}",
    '{"a" 1}', '{"a":1 "b":2}', '[1 2]', '1 2', '{}{}', '[]x', 'nul', 'True', 'NaN', 'Infinity', '01', '1.', '.5', '+1', '1e', '-',
    '0x1', '1_0', '"a', '"\\x"', '"\\u12g4"', '"\\u12', '"a\nb"', '"a\u0000"', '"\t"', '\u{feff}{}', '/*a*/1', '{"a":1}//', '"a""b"',
    '{"nextLink":"a","nextLink":"b"}', '{"nextLink":1,"NextLink":2}', '{"nextLink":"a","\\u006eextLink":"b"}',
    '{"value":[{"token":1,"token":2}]}',
  ] // prettier-ignore
  for (const text of faults) t.equal(code(text), 'upstream_bad_answer', JSON.stringify(text))
  t.equal(
    code(Buffer.from([...Buffer.from('{"nextLink":"'), 0xc0, 0xae, ...Buffer.from('"}')])),
    'upstream_bad_answer',
  )
  t.equal(code(''), 'accepted', 'an answer without a body')
  t.end()
})

t.test('depth and held values are bounded', (t) => {
  t.equal(code('['.repeat(64) + ']'.repeat(64)), 'accepted')
  t.equal(code('['.repeat(65) + ']'.repeat(65)), 'upstream_bad_answer')
  t.equal(code('['.repeat(100_000)), 'upstream_bad_answer')
  t.equal(code(`{"nextLink":"${'a'.repeat(65_534)}"}`), 'accepted')
  t.equal(code(`{"nextLink":"${'a'.repeat(65_535)}"}`), 'upstream_bad_answer')
  t.equal(code(`{"nextLink":"${'a'.repeat(300_000)}`), 'upstream_bad_answer')
  t.equal(code(`{"${'k'.repeat(300_000)}":"${'a'.repeat(300_000)}"}`), 'accepted')
  t.equal(code('1'.repeat(1_025)), 'upstream_bad_answer')
  t.end()
})

const refuse = (): string => {
  throw new Refusal('upstream_foreign_url', 'foreign')
}

t.test('a refusal of the map reaches the caller', (t) => {
  t.throws(() => run('{"nextLink":"x"}', [], refuse), { code: 'upstream_foreign_url' })
  t.end()
})

/** mulberry32: deterministic, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}

const KEYS = [
  'nextLink',
  'value',
  'properties',
  'url',
  'token',
  'services',
  'endpoint',
  'Studio',
  'a',
  'é"',
  '',
]

function document(next: () => number, depth: number): unknown {
  const pick = Math.floor(next() * (depth > 4 ? 5 : 8))
  if (pick === 0) return null
  if (pick === 1) return next() > 0.5
  if (pick === 2) return (next() - 0.5) * 10 ** Math.floor(next() * 40 - 20)
  if (pick < 5)
    return ['upstream', 'x\\"\n\u2028é𝄞', 'https://upstream/a', ''][Math.floor(next() * 4)]
  const size = Math.floor(next() * 5)
  if (pick === 5) return Array.from({ length: size }, () => document(next, depth + 1))
  const entries = Array.from({ length: size }, () => [
    KEYS[Math.floor(next() * KEYS.length)] ?? '',
    document(next, depth + 1),
  ])
  return Object.fromEntries(entries)
}

/** The same rewriting on the parsed document. */
function expected(value: unknown, path: readonly string[] = []): unknown {
  const at = path
    .map((key, index) => (path[index - 1] === 'value' && /^\d+$/.test(key) ? '*' : key))
    .join('.')
  if (
    path.length > 0 &&
    /^(?:token|value\..+\.token)$/.test(at) &&
    path.length <= 3 &&
    path.length !== 2
  )
    return '[redacted]'
  if (typeof value === 'string') {
    const watched =
      at === 'nextLink' ||
      (path.length === 4 && path[0] === 'value' && path[2] === 'properties' && path[3] === 'url') ||
      at === 'services.Studio' ||
      (path.length === 3 &&
        path[0] === 'services' &&
        path[1] !== 'Studio' &&
        path[2] === 'endpoint')
    return watched ? map(value) : value
  }
  if (Array.isArray(value))
    return value.map((item, index) => expected(item, [...path, String(index)]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, expected(item, [...path, key])]),
  )
}

/** Whether something else stands where a URL should be. */
function misplaced(root: unknown): boolean {
  const urls = [member(root, 'nextLink')]
  const items = member(root, 'value')
  for (const item of typeof items === 'object' && items !== null ? Object.values(items) : [])
    urls.push(member(member(item, 'properties'), 'url'))
  return urls.some((url) => url !== undefined && url !== null && typeof url !== 'string')
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined
}

t.test('random documents come out as parsing, changing and comparing says', (t) => {
  const next = random(7)
  let changed = 0
  let refused = 0
  for (let round = 0; round < 2_000; round += 1) {
    const value = document(next, 0)
    const text = JSON.stringify(value, null, next() > 0.5 ? 1 : undefined)
    const sizes = Array.from({ length: 1 + Math.floor(next() * 40) }, () => Math.floor(next() * 12))
    if (misplaced(value)) {
      refused += 1
      if (code(text) !== 'upstream_bad_answer') t.fail(`${text} passed`)
      continue
    }
    const out = run(text, sizes)
    const want = expected(value)
    if (out !== text) changed += 1
    if (JSON.stringify(JSON.parse(out)) !== JSON.stringify(want)) t.fail(`${text} became ${out}`)
  }
  t.ok(changed > 50, `${changed} of 2000 were changed`)
  t.ok(refused > 10, `${refused} of 2000 were refused`)
  t.end()
})

t.test('random damage is refused exactly where JSON.parse refuses it', (t) => {
  const next = random(11)
  const bytes = ['"', '{', '}', '[', ']', ',', ':', '\\', '0', '-', 'e', ' ', '\n', 'x', 'u']
  let refused = 0
  for (let round = 0; round < 20_000; round += 1) {
    const text = JSON.stringify({ a: document(next, 1), b: [1.5e3, true, null, 'é'] })
    const at = Math.floor(next() * text.length)
    const damaged =
      text.slice(0, at) +
      (bytes[Math.floor(next() * bytes.length)] ?? '') +
      text.slice(at + Math.floor(next() * 2))
    let parses = true
    try {
      JSON.parse(damaged)
    } catch {
      parses = false
      refused += 1
    }
    if ((code(damaged) === 'accepted') !== parses) t.fail(damaged)
  }
  t.ok(refused > 1_000, `${refused} of 20000 were not JSON`)
  t.end()
})

t.test('a place with more keys than it has bits for is a fault of the program', (t) => {
  const rules = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ path: [`k${n}`], kind: 'redact' as const }))
  const rewriter = createJsonRewriter({
    plan: compilePlan(rules(32)),
    map: (value) => value,
  })
  t.equal(
    written(rewriter, Buffer.from('{"k0":1,"k31":2,"k32":3}')).toString(),
    '{"k0":"[redacted]","k31":"[redacted]","k32":3}',
  )
  for (const key of ['k0', 'k31']) {
    const twice = createJsonRewriter({ plan: compilePlan(rules(32)), map: (value) => value })
    t.throws(() => written(twice, Buffer.from(`{"${key}":1,"${key}":2}`)), {
      code: 'upstream_bad_answer',
    })
  }
  t.throws(() => compilePlan(rules(33)), RangeError)
  t.end()
})
