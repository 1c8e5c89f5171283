/**
 * Rows 74 to 100 of the table of bad inputs, and the tests that show each. Rows 1 to 56 are indexed by tokens.test.ts,
 * 57 to 73 by headers.test.ts.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'

interface Shown {
  readonly row: number
  readonly text: string
  /** File under test/, and words of the names of tests in it. */
  readonly by: readonly (readonly [file: string, ...names: string[]])[]
}

const BODIES = 'enforce/effects/bodies'
const PATHS = 'security/paths'
const REQUESTS = 'security/requests'
const TUNNELS = ['security/secrets', 'carries calls that nobody judges: 403'] as const

const ROWS: readonly Shown[] = [
  {
    row: 74,
    text: 'dot segments',
    by: [[PATHS, 'a dot segment', 'an encoded dot segment', 'a single dot']],
  },
  {
    row: 75,
    text: 'slashes in disguise',
    by: [[PATHS, 'an encoded slash', 'an encoded backslash', 'a backslash']],
  },
  {
    row: 76,
    text: 'encoded twice',
    by: [[PATHS, 'an encoded percent sign', 'a twice encoded dot segment']],
  },
  {
    row: 77,
    text: 'path parameters',
    by: [[PATHS, 'a path parameter', 'a dot segment with a parameter']],
  },
  {
    row: 78,
    text: 'empty segments, trailing dots',
    by: [[PATHS, 'an empty segment', 'a dot at the end of a segment']],
  },
  { row: 79, text: 'absolute targets', by: [[PATHS, 'an absolute target', 'the asterisk']] },
  {
    row: 80,
    text: 'bytes that are no text',
    by: [
      [
        PATHS,
        'an encoded NUL',
        'encoded line breaks',
        'overlong UTF-8',
        'a percent sign that encodes nothing',
      ],
    ],
  },
  { row: 81, text: 'one verdict in any case', by: [[PATHS, 'one verdict however it is written']] },
  { row: 82, text: 'fragments', by: [[PATHS, 'a fragment']] },
  { row: 83, text: 'long targets', by: [[PATHS, 'a target over 8 KB']] },
  {
    row: 84,
    text: 'unknown routes, wrong verbs',
    by: [
      [REQUESTS, 'row 84'],
      [PATHS, 'a verb that means nothing there'],
    ],
  },
  {
    row: 85,
    text: 'api-version twice or in disguise',
    by: [[PATHS, 'api-version twice', 'api-version encoded']],
  },
  {
    row: 86,
    text: 'no api-version, or none that is one',
    by: [[PATHS, 'no api-version', 'an api-version that is no date']],
  },
  {
    row: 87,
    text: 'semicolons and arrays',
    by: [[PATHS, 'a semicolon in the query', 'an array in the query']],
  },
  { row: 88, text: 'credentials in the query', by: [[PATHS, 'a credential as', 'a token as']] },
  { row: 89, text: 'a batch', by: [['security/bad-input', 'a batch of calls in one']] },
  { row: 90, text: 'batches of batches', by: [[REQUESTS, 'row 90']] },
  { row: 91, text: 'deployments', by: [TUNNELS] },
  { row: 92, text: 'bombs', by: [[BODIES, 'a-bomb']] },
  {
    row: 93,
    text: 'codings',
    by: [
      [REQUESTS, 'row 93'],
      [BODIES, 'gzip-twice'],
    ],
  },
  { row: 94, text: 'a name twice', by: [[BODIES, 'names-twice', 'spellings']] },
  { row: 95, text: 'deep nesting', by: [[BODIES, 'deep-arrays']] },
  { row: 96, text: 'too long, in chunks', by: [[BODIES, 'a chunked body over the limit']] },
  {
    row: 97,
    text: 'half a body',
    by: [
      [REQUESTS, 'row 97'],
      ['faults/gateway-every-byte', 'a caller who hangs up within the body'],
    ],
  },
  { row: 98, text: 'a byte at a time', by: [[REQUESTS, 'row 98']] },
  {
    row: 99,
    text: 'bodies where none belongs',
    by: [
      [REQUESTS, 'row 99'],
      ['security/headers', 'a GET with a body'],
    ],
  },
  { row: 100, text: 'content types', by: [[BODIES, 'plain-text', 'no-type', 'utf-16']] },
]

void t.test('no row is missing', async (test) => {
  test.same(
    ROWS.map(({ row }) => row),
    Array.from({ length: 27 }, (_, i) => 74 + i),
  )
})

for (const { row, text, by } of ROWS) {
  void t.test(`row ${row}, ${text}: its tests are there`, async (test) => {
    for (const [file, ...names] of by) {
      const source = readFileSync(resolve(import.meta.dirname, '..', `${file}.test.ts`), 'utf8')
      for (const name of names) test.ok(source.includes(name), `${file}: ${name}`)
    }
  })
}
