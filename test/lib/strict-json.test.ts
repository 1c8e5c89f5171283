import t from 'tap'
import { membersOf, parseStrictJson } from '../../src/lib/strict-json.ts'

const parse = (text: string | Buffer) => parseStrictJson(Buffer.from(text as string))

void t.test('what is valid and unambiguous parses as JSON.parse has it', async (test) => {
  const texts = [
    '{}',
    '[]',
    '"a\\"b:{\\\\"',
    '{"a":{"b":1},"c":{"b":2}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":":{}[]"}',
    ' { "a" : [ 1 , { "a" : null } ] } ',
    '{"":0," ":1}',
    '1e5',
  ]
  for (const text of texts) test.same(parse(text), JSON.parse(text), text)
})

void t.test('what is not is undefined', async (test) => {
  const texts = [
    '',
    '{',
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":[[{"a":1,"b":{"a":1},"a":2}]]}',
    '{"__proto__":1,"__proto__":2}',
    "{'a':1}",
    '{"a":1,}',
    '{"a":NaN}',
    '\ufeff{}',
    '[1]x',
    '['.repeat(100_000) + ']'.repeat(100_000),
    '{"a":'.repeat(33) + '1' + '}'.repeat(33),
  ]
  for (const text of texts) test.equal(parse(text), undefined, text.slice(0, 40))
  test.equal(parse(Buffer.from([0x22, 0xff, 0x22])), undefined, 'bytes that are not UTF-8')
  test.equal(parse(Buffer.from([0x22, 0xc0, 0xaf, 0x22])), undefined, 'overlong UTF-8')
})

void t.test('__proto__ is a name like any other', async (test) => {
  const members = membersOf(parse('{"__proto__":{"admin":true}}'))
  test.same([...(members ?? [])], [['__proto__', { admin: true }]])
  test.equal(members?.get('admin'), undefined)
  test.equal(members?.get('toString'), undefined)
})
