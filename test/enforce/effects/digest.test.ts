/** A digest is that of what a document says, not of how it is written. */
import { createHash } from 'node:crypto'
import t from 'tap'
import { parameterDigest } from '../../../src/enforce/effects/digest.ts'
import { parseJson } from '../../../src/lib/json/document.ts'

function digest(text: string): string {
  const bytes = Buffer.from(text)
  return parameterDigest({ root: parseJson(bytes), bytes }, () => false)
}

t.test('a digest is that of the document, however it is written', async (t) => {
  t.equal(digest('{"a":1,"b":[true,null]}'), digest(' { "b" : [ true , null ], "\\u0061" : 1 } '))
  t.equal(digest('"é\\/"'), digest('"\\u00e9/"'))
})

t.test('texts are those that JSON.stringify writes, whatever escapes they came with', async (t) => {
  const texts = ['', 'a"b', 'a\\b', '\u0001\b\t\n\f\r\u007f', 'é\u2028\ud83d\ude00', '/', '\u00ff']
  for (const text of texts) {
    const plain = JSON.stringify({ [text]: [text, { [text]: text }] })
    const escaped = plain.replaceAll(/[^\x20-\x7e]|\//g, (one) => {
      const code = one.charCodeAt(0).toString(16).padStart(4, '0')
      return one === '/' ? '\\/' : `\\u${code}`
    })
    const expected = createHash('sha256').update(plain).digest('hex')
    t.equal(digest(plain), expected)
    t.equal(digest(escaped), expected)
  }
})

t.test('documents that differ have digests that differ', async (t) => {
  const texts = [
    '1',
    '1.0',
    '12345678901234567890',
    '12345678901234567000',
    '"1"',
    '[1]',
    '{"a":1}',
    '{"a":"1"}',
    '[]',
    '{}',
    '[[]]',
    'null',
    '"null"',
    '{"a":{"b":1}}',
    '{"a":1,"b":1}',
  ]
  t.equal(new Set(texts.map(digest)).size, texts.length)
})

for (const count of [5, 16, 17, 40]) {
  t.test(`the order of ${count} members does not matter`, async (t) => {
    const members = Array.from({ length: count }, (_, at) => `"n${at % 7}x${at}":${at}`)
    const turned = [...members.slice(3).toReversed(), ...members.slice(0, 3)]
    t.equal(digest(`{${turned.join(',')}}`), digest(`{${members.toSorted().join(',')}}`))
  })
}
