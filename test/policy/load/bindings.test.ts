import t from 'tap'
import { readBindings } from '../../../src/policy/load/bindings.ts'
import { suggest } from '../../../src/policy/load/faults.ts'
import { staleBindings } from '../../../src/policy/sightings.ts'
import { loadShipped, RG, SUB, WS } from '../support.ts'

const KNOWN = {
  templates: new Set(['reader']),
  identities: ['ml-reader'],
  issuers: ['entra', 'okta'],
}
const RIGHT = {
  id: 'a',
  template: 'reader',
  principal: 'Group::"okta/g"',
  resource: `Workspace::"${WS}"`,
}

function faults(binding: object | null, rest = ''): string[] {
  const text = `${rest}bindings: ${binding === null ? '[]' : JSON.stringify([binding])}\n`
  return readBindings('b.yaml', text, KNOWN).faults.map(
    ({ message, suggestion }) => `${message}${suggestion === undefined ? '' : `; ${suggestion}`}`,
  )
}

t.test('a binding that is right has no fault', async (t) => {
  t.same(faults(RIGHT), [])
  for (const resource of [
    `ResourceGroup::"${RG}"`,
    `Subscription::"${SUB}"`,
    `Registry::"${RG}/providers/microsoft.machinelearningservices/registries/r"`,
  ]) {
    t.same(faults({ ...RIGHT, resource, shadow: true }), [])
  }
  for (const principal of [
    'User::"entra/t/o"',
    'Role::"entra/Reader"',
    'Service::"okta/c"',
    `Workspace::"${WS}"`,
  ]) {
    t.same(faults({ ...RIGHT, principal }), [])
  }
})

t.test('each thing that can be wrong is named', async (t) => {
  const cases: readonly (readonly [change: object, words: string])[] = [
    [{ id: 'A b' }, 'not a binding'],
    [{ id: 7 }, 'needs "id"'],
    [{ template: 'raeder' }, 'did you mean "reader"?'],
    [{ principal: 'okta/g' }, 'write Type::"id"'],
    [{ principal: 'Gruop::"okta/g"' }, 'did you mean "Group"?'],
    [{ principal: 'Job::"okta/g"' }, 'cannot be bound as a principal'],
    [{ principal: 'Group::"g"' }, "not a principal's id"],
    [{ principal: 'Group::"otka/g"' }, 'did you mean "okta"?'],
    [{ principal: 'Workspace::"ws"' }, 'not the ARM id of a Workspace'],
    [{ resource: 'Group::"okta/g"' }, 'cannot be bound as a resource'],
    [
      { resource: `Workspace::"${WS.replace('resourcegroups', 'resourceGroups')}"` },
      `write "${WS}"`,
    ],
    [{ resource: `Workspace::"${RG}"` }, 'not the ARM id of a Workspace'],
    [{ resource: `Subscription::"${RG}"` }, 'not the ARM id of a Subscription'],
    [{ resource: `Workspace::"${WS}/jobs/x"` }, 'not the ARM id'],
    [{ shadow: 'yes' }, '"shadow" is true or false'],
    [{ tempalte: 'reader' }, 'did you mean "template"?'],
  ]
  for (const [change, words] of cases) {
    const found = faults({ ...RIGHT, ...change })
    t.equal(found.length, 1, JSON.stringify(change))
    t.match(found[0], words)
  }
  t.equal(faults({}).length, 4)
})

t.test('the file as a whole is checked', async (t) => {
  t.match(faults(null, 'identities: [ml-reader, ml-raeder]\n'), [/ml-reader/u])
  t.match(faults(null, 'identities: [ml-reader, ml-reader]\n'), [/appears twice/u])
  t.match(faults(null, 'identities: ml-reader\n'), [/is a list/u])
  t.match(faults(null, 'bindigns: []\n'), [/did you mean "bindings"/u])
  const read = (text: string): string[] =>
    readBindings('b', text, KNOWN).faults.map(({ message }) => message)
  t.match(read('bindings: 1'), [/is a list/u])
  t.match(read('- 1'), [/mapping/u])
  t.match(read('bindings: [1]'), [/a binding is a mapping/u])
  t.match(read('a: 1\na: 2'), [/unique/u])
  t.match(read('bindings: ['), [/./u])
  t.match(read(''), [/mapping/u])
  const twice = readBindings(
    'b',
    `bindings:\n  - ${JSON.stringify(RIGHT)}\n  - ${JSON.stringify(RIGHT)}\n`,
    KNOWN,
  )
  t.match(twice.faults, [{ line: 3, message: 'binding "a" appears twice' }])
})

t.test('suggestions are near, or the few words that there are', async (t) => {
  t.equal(suggest('raed', ['read', 'write']), 'did you mean "read"?')
  t.equal(suggest('zzzzzzzz', ['read', 'write']), 'known: read, write')
  t.equal(suggest('zzzzzzzz', []), undefined)
  t.equal(
    suggest(
      'zzzzzzzz',
      Array.from({ length: 20 }, (_, i) => `word-${i}`),
    ),
    undefined,
  )
})

t.test(
  'a binding that no token has carried for long, or that the directory forgot, is reported',
  async (t) => {
    const set = await loadShipped(
      t,
      `identities: [ml-reader, ml-writer]
bindings:
  - { id: fresh, template: reader, principal: 'Group::"e/fresh"', resource: 'Workspace::"${WS}"' }
  - { id: old, template: reader, principal: 'Group::"e/old"', resource: 'Workspace::"${WS}"' }
  - { id: never, template: reader, principal: 'Group::"e/never"', resource: 'Workspace::"${WS}"' }
`,
    )
    const day = 86_400_000
    const now = 1000 * day
    const lastSeen = new Map([
      ['Group::"e/fresh"', now - day],
      ['Group::"e/old"', now - 31 * day],
    ])
    const ids = (since: number, unknown?: ReadonlySet<string>): string[] =>
      staleBindings(
        set,
        { lastSeen, since, ...(unknown === undefined ? {} : { unknown }) },
        30,
        now,
      ).map(({ id }) => id)
    t.same(ids(now - 60 * day), ['old', 'never'])
    t.same(ids(now - day), ['old'], 'what was not watched for long enough is not judged')
    t.same(ids(now - day, new Set(['Group::"e/fresh"'])), ['fresh', 'old'])
  },
)
