import * as fc from 'fast-check'
import t from 'tap'
import { createJsonRewriter } from '../../../src/azureml/answers/json-rewriter.ts'
import { compilePlan } from '../../../src/azureml/answers/json-plan.ts'
import { namedSecret, withoutSecrets } from '../../../src/azureml/answers/secrets.ts'
import { createTextRedactor } from '../../../src/azureml/answers/text-redactor.ts'

const plan = compilePlan([])

/** A text or document in pieces of the given size. */
function pieces(text: string, size: number, json: boolean): string {
  const rewriter = json
    ? createJsonRewriter({ plan, map: (value) => value, redact: true })
    : createTextRedactor()
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size)
    out.push(Buffer.from(rewriter.write(bytes.subarray(at, at + size))))
  out.push(rewriter.end())
  return Buffer.concat(out).toString()
}

t.test('what is no secret stays, byte for byte', (t) => {
  for (const text of [
    'plain words, 3 = 4, a=b&c=d',
    'https://x/y?api-version=2024-04-01&$skipToken=abc&design=3&continuationToken=x',
    'python train.py --sigma=0.5 --tokenizer=bert --max_tokens=5 --sig 3',
    'azureml://datastores/workspaceblobstore/paths/keys/a.txt',
    'basic training of the bearer of news',
    'user@example.com, see https://example.com/@someone',
    'sha256:' + 'ab'.repeat(32),
    '/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/secret-vault',
    'C:\\dir\\u0041 100% of %2',
    'mlflow.source.git.commit',
  ])
    t.equal(withoutSecrets(text), text)
  for (const name of [
    'continuationToken',
    'nextPageToken',
    'maxTokens',
    'keyVault',
    'keyName',
    'tokenizer',
    'primaryKeyName',
    'key',
    'value',
  ])
    t.equal(namedSecret(name), null, name)
  t.end()
})

const hex = (character: string): string => character.charCodeAt(0).toString(16).padStart(2, '0')
const percent = (text: string): string => text.replaceAll(/[^\w.]/g, (c) => `%${hex(c)}`)
/** Ways in which a URL is written inside of something else. */
const WRITTEN: readonly ((text: string) => string)[] = [
  (text) => text,
  percent,
  (text) => text.replaceAll(/[&=?]/g, (c) => `\\u00${hex(c)}`),
  (text) => text.replaceAll('&', '&amp;'),
  (text) => text.replaceAll(/[si]/g, (c) => `%${hex(c)}`),
  (text) => JSON.stringify({ text }),
]

t.test('a signed URL does not pass, however it is written and wherever the chunks part', (t) => {
  const written = fc.array(fc.constantFrom(...WRITTEN), { maxLength: 3 })
  const around = fc
    .string({ unit: 'binary', maxLength: 20 })
    .map((s) => s.replaceAll(/[\0"\\]/g, ' '))
  const params = fc.shuffledSubarray(['sv=2022', 'se=2030-01-01T00%3A00Z', 'sp=r', 'sr=b'])
  fc.assert(
    fc.property(
      written,
      around,
      around,
      params,
      fc.nat(60),
      fc.boolean(),
      (forms, before, after, some, size, json) => {
        const query = [...some, 'sig=canary%2Bcanary'].join('&')
        const url = forms.reduce(
          (text, form) => form(text),
          `https://s.blob.core.windows.net/c?${query}`,
        )
        const text = `${before} ${url} ${after}`
        const out = pieces(json ? JSON.stringify([text, { [text]: [text] }]) : text, size + 1, json)
        if (json) JSON.parse(out)
        return !/canary/i.test(out)
      },
    ),
    { seed: 5, numRuns: 2_000 },
  )
  t.end()
})

t.test('a pair that names a secret has it taken out', (t) => {
  const params = [
    { key: 'api_key', value: 'canary' },
    { name: 'AZURE_CLIENT_SECRET', step: 1, value: 'canary' },
    { Key: 'db-password', Value: 12345 },
    { key: 'secrets', value: ['canary', { a: 'canary' }] },
    { key: 'lr', value: '0.5' },
    { key: 'token', more: { value: 'stays' } },
  ]
  const text = JSON.stringify({ params })
  for (const size of [1, 7, 1_000]) {
    t.same(JSON.parse(pieces(text, size, true)), {
      params: [
        { key: 'api_key', value: '[redacted]' },
        { name: 'AZURE_CLIENT_SECRET', step: 1, value: '[redacted]' },
        { Key: 'db-password', Value: '[redacted]' },
        { key: 'secrets', value: ['[redacted]', { a: '[redacted]' }] },
        { key: 'lr', value: '0.5' },
        { key: 'token', more: { value: 'stays' } },
      ],
    })
  }
  t.end()
})

t.test('whatever passes passes again as it is, and a document stays one', (t) => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.nat(9), (text, size) => {
      const once = pieces(text, size + 1, true)
      return (
        pieces(once, 1000, true) === once && typeof JSON.parse(once) === typeof JSON.parse(text)
      )
    }),
    { seed: 5, numRuns: 500 },
  )
  t.end()
})

t.test('a private key over many lines and chunks goes, and the line after it stays', (t) => {
  const key = `-----BEGIN PRIVATE KEY-----\n${'canary\n'.repeat(50)}-----END PRIVATE KEY-----`
  for (const size of [1, 7, 64, 5000])
    t.equal(pieces(`a\n${key}\nb\n`, size, false), 'a\n[redacted]\nb\n')
  t.equal(
    pieces(`a\n${key.slice(0, 100)}`, 9, false),
    'a\n[redacted]',
    'one that does not end, too',
  )
  t.end()
})

t.test('nobody can write what takes long to look through', (t) => {
  const started = process.cpuUsage()
  const bait = [
    '\\',
    'a_',
    'a.',
    'eyJ',
    'A',
    '%25',
    '=',
    '-----BEGIN PRIVATE KEY-----',
    'bearer ',
    'authorization ',
    '://',
    'password',
    'a:',
    'sig=',
    '&',
    '\\u003d',
    'basic A',
    'key',
    ' ',
    '"',
  ]
  for (const part of bait) withoutSecrets(`=${part.repeat(400_000 / part.length)}`)
  const { user } = process.cpuUsage(started)
  t.ok(user < 20_000_000, `${user} µs`)
  t.comment(`${user / 1000} ms for ${bait.length} texts of 400 KB`)
  t.end()
})
