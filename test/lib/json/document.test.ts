/** One reading of a body, or none. */
import t from 'tap'
import { memberOf, parseJson } from '../../../src/lib/json/document.ts'
import { Refusal } from '../../../src/errors.ts'

const parse = (text: string | Buffer) => parseJson(Buffer.from(text as string))

function refusal(text: string | Buffer): Refusal {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('it was accepted')
}

t.test('every value knows its place in the bytes', async (t) => {
  const text = ' {"a" : [1.0, "é\\u0041", {"b":12345678901234567890}], "c":null }'
  const root = parse(text)
  const bytes = Buffer.from(text)
  const list = memberOf(root, 'a')
  if (list?.kind !== 'array') throw new Error('no array')
  const shown = list.items.map(({ start, end }) => bytes.toString('utf8', start, end))
  t.same(shown, ['1.0', '"é\\u0041"', '{"b":12345678901234567890}'])
  t.match(list.items[1], { value: 'éA' })
  t.equal(memberOf(list, 'a'), null)
  t.equal(memberOf(root, 'C'), null)
})

t.test('a text of any length is the same in ASCII and beside what is not', async (t) => {
  for (let length = 0; length < 40; length += 1) {
    const text = 'abcdefgh'.repeat(5).slice(0, length)
    for (const other of ['', 'é', '\\u00e9']) {
      const root = parse(`{"${text}":"${text}","other":"${other}"}`)
      t.match(memberOf(root, text), { value: text })
    }
  }
})

t.test('one name of many is found when it is there twice', async (t) => {
  const names = Array.from({ length: 20 }, (_, at) => `"n${at}":0`)
  t.ok(parse(`{${names.join(',')}}`))
  for (const [at, name] of names.entries()) {
    t.equal(refusal(`{${names.join(',')},${name}}`).code, 'bad_body', name)
    t.equal(refusal(`{${names.slice(0, at + 1).join(',')},${name}}`).code, 'bad_body', name)
  }
})

const BAD: Readonly<Record<string, string | Buffer>> = {
  nothing: '',
  'a byte order mark': '\ufeff{}',
  'two documents': '{} {}',
  'a trailing comma': '{"a":1,}',
  'a trailing comma in an array': '[1,]',
  'a missing comma': '[1 2]',
  'a comment': '{/* */}',
  'a single quote': "{'a':1}",
  'a number in hex': '[0x1]',
  'a number with a leading zero': '[01]',
  'a plus': '[+1]',
  NaN: '[NaN]',
  'a bare word': '[tru]',
  'an open string': '["a',
  'an open escape': '["a\\',
  'a bad escape': '["\\x"]',
  'a control character': '["\n"]',
  'half a character': '["\\ud800"]',
  'the other half': '{"\\udc00":1}',
  'invalid UTF-8': Buffer.from([0x22, 0xc3, 0x28, 0x22]),
  'overlong UTF-8': Buffer.from([0x22, 0xc0, 0xaf, 0x22]),
  'a name twice': '{"a":1,"a":2}',
  'a name twice, spelt differently': '{"a":1,"\\u0061":2}',
  'a name twice, deep down': '[{"x":[{"__proto__":1,"__proto__":2}]}]',
  'too deep': '['.repeat(65) + ']'.repeat(65),
  'much too deep': '['.repeat(100_000),
  'too many values': `[${'0,'.repeat(100_000)}0]`,
}
for (const [name, text] of Object.entries(BAD)) {
  t.test(`refused: ${name}`, async (t) => {
    t.equal(refusal(text).code, 'bad_body')
  })
}

t.test('64 levels are accepted', async (t) => {
  t.equal(parse('['.repeat(64) + ']'.repeat(64)).kind, 'array')
})

t.test(
  'a refusal names the place, cuts and quotes foreign names, and tells no value',
  async (t) => {
    const long = 's3cr3t value with spaces '.repeat(3)
    const { message } = refusal(`{"properties":{"${long}":[0,{"x":"hunter2","x":1}]}}`)
    t.match(message, /\/properties\/"s3cr3t value with spaces\.\.\."\/1\/x$/)
    t.notMatch(message, /hunter2/)
  },
)

t.test('names of prototypes are names like any other', async (t) => {
  t.equal(memberOf(parse('{"__proto__":{"admin":true}}'), 'admin'), null)
})
