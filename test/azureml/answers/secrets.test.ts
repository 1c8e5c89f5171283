import * as fc from 'fast-check'
import t from 'tap'
import { passed, written } from '../../support/rewriting.ts'
import { createJsonRewriter } from '../../../src/azureml/answers/json-rewriter.ts'
import { compilePlan } from '../../../src/azureml/answers/json-plan.ts'
import { namedSecret } from '../../../src/azureml/answers/secret-names.ts'
import { withoutSecrets } from '../../../src/azureml/answers/secrets.ts'
import { createTextRedactor } from '../../../src/azureml/answers/text-redactor.ts'

const plan = compilePlan([])

/** A text or document in pieces of the given size. */
function pieces(text: string, size: number, json: boolean): string {
  const rewriterOf = () =>
    json ? createJsonRewriter({ plan, map: (value) => value, redact: true }) : createTextRedactor()
  const bytes = Buffer.from(text)
  const sizes = Array.from({ length: Math.floor(bytes.length / size) }, () => size)
  return passed(rewriterOf, bytes, sizes)
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
    '3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    'd41d8cd98f00b204e9800998ecf8427e',
    'rL0Y20zC+Fzt72VPzMSk2A==',
    'sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==',
    '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    `cacheKey: ${'0123456789abcdef'.repeat(2)}`,
    '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws',
    'azureml://locations/eastus/workspaces/3f2504e0-4f89-11d3-9a0c-0305e82c3301/data/d/versions/1',
    'dcid.magenta_carpet_2xk5q3v7b1_HD_3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    Buffer.from('a text without any secret in it, whoever reads it').toString('base64'),
    Buffer.from('{"project": "churn", "name": "a"}').toString('base64url'),
    '{"id": "a", "sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "n": 1.50, "key": "lr"}',
    'python train.py --epochs 3 --max-tokens 5 --name secretary',
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

/** Told apart from honest texts by their form alone; `canary` is what must not pass. */
const CONNECTION =
  'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=canarycanary;EndpointSuffix=core.windows.net'
const DOCUMENT = JSON.stringify({ accountName: 'a', credentials: { mine: 'canary' } })
const WIDE = Buffer.from(CONNECTION, 'utf16le')
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')

t.test('what is encoded once more is found', (t) => {
  for (const hidden of [
    base64(CONNECTION),
    base64(`x${CONNECTION}`),
    Buffer.from(CONNECTION).toString('base64url'),
    base64(DOCUMENT),
    base64(base64(DOCUMENT)),
    base64(JSON.stringify({ accountKey: 'k' })),
    base64(JSON.stringify([{ value: 'canary', name: 'API_KEY' }])),
    base64('-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----'),
    base64(WIDE),
    base64(CONNECTION).replaceAll(/.{76}/g, '$&\r\n'),
    Buffer.from(CONNECTION).toString('hex'),
    Buffer.from(CONNECTION).toString('hex').toUpperCase(),
  ])
    for (const text of [
      hidden,
      `echo ${hidden} | base64 -d`,
      `--config=${hidden}`,
      `https://h.example/p/${hidden}`,
      `data:text/plain;base64,${hidden}`,
      JSON.stringify({ config: hidden }),
    ]) {
      const out = withoutSecrets(text)
      t.notOk(out.includes(hidden.slice(8, 60)), `${text} -> ${out}`)
      t.match(out, /\[redacted\]/)
    }
  const marked = base64(Buffer.concat([Buffer.from([0xff, 0xfe]), WIDE]))
  t.equal(withoutSecrets(`powershell -enc ${marked}`), 'powershell -enc [redacted]')
  t.end()
})

t.test('a document in a text has its secrets taken out by their names', (t) => {
  t.equal(withoutSecrets(DOCUMENT), '{"accountName":"a","credentials":{"mine":"[redacted]"}}')
  t.equal(
    withoutSecrets(JSON.stringify([{ value: 'canary', name: 'API_KEY' }])),
    '[{"value":"[redacted]","name":"API_KEY"}]',
  )
  t.end()
})

t.test('secrets of well-known forms do not pass, in whatever text', (t) => {
  const alphanumeric = 'aB3dE5gH7jK9mN1pQ3sT5vW7yZ9'.repeat(8)
  const word = (length: number): string => alphanumeric.slice(0, length)
  const digits = '0123456789abcdef'.repeat(8)
  for (const secret of [
    `abc8Q~${word(34)}`,
    `a~.7Q~${word(31)}`,
    `${word(86)}==`,
    `${word(76)}+ASt${word(6)}==`,
    `${word(52)}JQQJ99${word(26)}`,
    `${word(33)}+ASbA${word(5)}=`,
    `${word(42)}AzSeA${word(5)}`,
    `${word(44)}AzFu${word(5)}A==`,
    `${word(42)}+ACRA${word(5)}`,
    `${word(76)}AZDO${word(4)}`,
    `0.AXoA${word(120)}`,
    `ghp_${word(36)}`,
    `hf_${word(34)}`,
    `xoxb-${word(40)}`,
    `xapp-1-${word(40)}`,
    `dapi${digits.slice(0, 32)}`,
    `dapi${digits.slice(0, 32)}-2`,
    `AKIA${word(16).toUpperCase()}`,
    `ASIA${word(16).toUpperCase()}`,
    `AIza${word(35)}`,
    `sk-proj-${word(40)}`,
    `npm_${word(36)}`,
    `eyJ${word(20)}.eyJ${word(20)}.${word(30)}`,
    `MIIEvQIBADANBgkqhkiG9w0BAQEF${word(80)}`,
    `MIIEpAIBAAKCAQEA${word(80)}`,
    `b3BlbnNzaC1rZXktdjE${word(80)}`,
  ])
    for (const text of [
      secret,
      `x ${secret} y`,
      `X=${secret};`,
      `{"a": "${secret}"}`,
      `(${secret})`,
    ]) {
      const out = withoutSecrets(text)
      t.notOk(out.includes(secret.slice(4, 30)), `${text} -> ${out}`)
    }
  for (const text of [
    'InstrumentationKey=deadbeef-dead-beef-dead-beefdeadbeef;IngestionEndpoint=https://i/',
    'AZURE_OPENAI_KEY=deadbeefdeadbeefdeadbeefdeadbeef',
    'run --api-key deadbeef1 --epochs 3',
    'run --hf-token "deadbeef1"',
    '- value: deadbeef1\n  name: API_KEY\n',
    '- name: API_KEY\n  value: deadbeef1\n',
    'env: {"value": "deadbeef1", "name": "API_KEY"}, {}',
    'https://hooks.slack.com/services/T00000000/B00000000/deadbeef1deadbeef1dead',
    'Endpoint=https://c.example/;Id=a;Secret=deadbeef1',
  ])
    t.notMatch(withoutSecrets(text), /deadbeef/, withoutSecrets(text))
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

t.test('a value whose name comes after it is taken out, wherever the chunks part', (t) => {
  const document = {
    env: [
      { value: 'canary', name: 'API_KEY' },
      { Value: 12345, step: 1, Key: 'db-password' },
      { value: ['canary', { a: 'canary' }], key: 'secrets' },
      { value: { value: 'canary', name: 'a' }, name: 'client_secret' },
      { value: { value: 'canary', name: 'api_key' }, name: 'lr' },
      { value: '0.5', key: 'lr' },
      { value: null, name: 'API_KEY' },
      { key1: 'canary', openaiKey: '0123456789abcdef0123456789abcdef', cacheKey: 'a' },
    ],
    args: ['--epochs', '3', '--api-key', 'canary', '--db-password', 'canary', 'last'],
    v: 1,
  }
  const shown = {
    env: [
      { value: '[redacted]', name: 'API_KEY' },
      { Value: '[redacted]', step: 1, Key: 'db-password' },
      { value: '[redacted]', key: 'secrets' },
      { value: '[redacted]', name: 'client_secret' },
      { value: { value: '[redacted]', name: 'api_key' }, name: 'lr' },
      { value: '0.5', key: 'lr' },
      { value: null, name: 'API_KEY' },
      { key1: '[redacted]', openaiKey: '[redacted]', cacheKey: 'a' },
    ],
    args: ['--epochs', '3', '--api-key', '[redacted]', '--db-password', '[redacted]', 'last'],
    v: 1,
  }
  for (const size of [1, 2, 7, 30, 10_000])
    t.same(JSON.parse(pieces(JSON.stringify(document), size, true)), shown, `${size}`)
  const twice = '{"value":"canary","value":"canary","name":"API_KEY"}'
  t.equal(pieces(twice, 9, true), '{"value":"[redacted]","value":"[redacted]","name":"API_KEY"}')
  t.end()
})

t.test('a page of a list is given out as it comes', (t) => {
  const rewriter = createJsonRewriter({ plan, map: (value) => value, redact: true })
  const item = Buffer.from(`{"value":"a","name":"b","more":"${'x'.repeat(1_000)}"},`)
  let out = written(rewriter, Buffer.from('{"value":[')).byteLength
  for (let count = 0; count < 4_000; count += 1) out += written(rewriter, item).byteLength
  t.ok(out > 3_900_000)
  const one = createJsonRewriter({ plan, map: (value) => value, redact: true })
  written(one, Buffer.from('{"a":{"value":['))
  t.throws(() => {
    for (let count = 0; count < 4_000; count += 1) written(one, item)
  }, /too long to be kept/)
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
