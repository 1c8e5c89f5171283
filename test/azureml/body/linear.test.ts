/** The work that a body costs grows with its size: counted in values that are looked at, not in time. */
import t from 'tap'
import { walk } from '../../../src/azureml/body/walk.ts'
import { MAX_DEPTH, parseJson } from '../../../src/lib/json/document.ts'
import { looksAt } from './looks.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const list = (count: number, piece: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => piece(at)).join(',')
const nested = (levels: number, open: string, inner: string, close: string): string =>
  open.repeat(levels) + inner + close.repeat(levels)

const SHAPES: Readonly<Record<string, (count: number) => string>> = {
  'references side by side': (n) =>
    `{"properties":{"x":{${list(n, (i) => `"i${i}":"azureml:a${i}"`)}}}}`,
  'inputs of a job': (n) =>
    `{"properties":{"inputs":{${list(n, (i) => `"i${i}":"azureml:a${i}@l"`)},"type":"x"}}}`,
  'references in one text': (n) =>
    `{"properties":{"command":"${'azureml://datastores/a/paths/b '.repeat(n)}"}}`,
  'a long list': (n) => `{"properties":{"x":[${list(n, () => '1')}]}}`,
  tags: (n) => `{"properties":{"tags":{${list(n, (i) => `"t${i}":"v"`)}}}}`,
  'tags of steps': (n) =>
    `{"properties":{"jobType":"Pipeline","tags":{${list(n, (i) => `"t${i}":"v"`)}},"jobs":{${list(n, (i) => `"s${i}":{"tags":{"t${i}":"v"}}`)}}}}`,
  steps: (n) =>
    `{"properties":{"jobType":"Pipeline","jobs":{${list(n, (i) => `"s${i}":{"type":"command","limits":{"timeout":1}}`)}}}}`,
  'jobs in jobs': (n) =>
    `{"properties":{"x":[${list(n, () => nested(15, '{"jobType":"Pipeline","jobs":{"a":', '1', '}}'))}]}}`,
  'names that mean something': (n) =>
    `{"properties":{"x":[${list(n, (i) => `{"jobType":"command","instanceType":"a","image":"b","compute":"azureml:c${i}"}`)}]}}`,
  'deep down': (n) =>
    `{"properties":${nested(50, '{"a":', `{${list(n, (i) => `"i${i}":"azureml:a${i}"`)}}`, '}')}}`,
}

for (const [name, shape] of Object.entries(SHAPES)) {
  t.test(`${name}: twice the size is at most twice the work`, async (t) => {
    for (const type of ['Job', 'Schedule', 'OnlineDeployment', 'ComputeTarget']) {
      const [once, twice] = [looksAt(shape(200), type).looks, looksAt(shape(400), type).looks]
      t.ok(twice <= 2.1 * once + 100, `${type}: ${once}, then ${twice}`)
    }
  })
}

t.test('a value deep down shares the names above it', async (t) => {
  const root = parseJson(Buffer.from(nested(40, '{"a":', '[1,2,3]', '}')))
  const [one, two] = walk(root, 'Job').filter(({ node }) => node.kind === 'number')
  t.equal(one?.above, two?.above)
  t.equal(one?.outer, two?.outer)
  t.strictSame(two?.path, [...Array.from({ length: 40 }, () => 'a'), 1])
  t.strictSame(one?.chain.toReversed().length, 40)
  t.match([one?.chain.at(-1), one?.chain.at(-2)], ['a', 'a'])
})

t.test('the names of the root are none', async (t) => {
  const [root, member] = walk(parseJson(Buffer.from('{"A_b":1}')), 'Job')
  t.match([root?.chain.at(-1), root?.chain.at(-2)], [undefined, undefined])
  t.match([member?.chain.at(-1), member?.chain.at(-2)], ['ab', undefined])
  t.equal(member?.chain.includes('ab'), true)
  t.equal(member?.chain.includes(''), false)
})

t.test('nesting has a limit', async (t) => {
  const deep = (levels: number): Buffer => Buffer.from(nested(levels, '[', '', ']'))
  t.ok(parseJson(deep(MAX_DEPTH)))
  t.throws(() => parseJson(deep(MAX_DEPTH + 1)), { code: 'bad_body' })
})
