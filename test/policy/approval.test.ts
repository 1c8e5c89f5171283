/** What `@approval` can say, and what it is not read as. */
import t from 'tap'
import { readApproval } from '../../src/policy/approval-words.ts'
import { ownersOf, readOwners } from '../../src/policy/load/owners.ts'
import { loadFrom } from './support.ts'
import { PolicyError } from '../../src/policy/load/faults.ts'

const DAY = 86_400_000

t.test('the words of @approval', async (t) => {
  t.match(readApproval(''), {
    reviewers: 1,
    from: 'owners',
    requestMs: 7 * DAY,
    validMs: DAY,
    uses: 1,
    base: 'strict',
    holdMs: 0,
  })
  t.match(readApproval('reviewers=2 from=policy request=30m valid=90s uses=3 base=any'), {
    reviewers: 2,
    from: 'policy',
    requestMs: 1_800_000,
    validMs: 90_000,
    uses: 3,
    base: 'any',
  })
  t.match(
    [readApproval('hold=30m'), readApproval('hold=0')],
    [{ holdMs: 1_800_000 }, { holdMs: 0 }],
  )
  for (const text of [
    'reviewers',
    'reviewers=10',
    'reviewers=-1',
    'reviewers=1 reviewers=2',
    'from=everybody',
    'request=0d',
    'request=91d',
    'valid=31d',
    'valid=1w',
    'valid=1.5h',
    'uses=0',
    'base=loose',
    'hold=25h',
    'constructor=1',
    'Reviewers=1',
  ])
    t.match(readApproval(text), /^"@approval" cannot be read at /, text)
})

t.test(
  'it stands on a forbid only, and a mistake in it keeps the policies from loading',
  async (t) => {
    const rule = (annotation: string, effect: string) =>
      `@id("x") @reason("r") ${effect === 'permit' ? '@identity("ml-reader")' : ''} ${annotation} ${effect} (principal, action, resource);`
    await t.rejects(
      loadFrom(t, { 'x.cedar': rule('@approval("reviewers=1")', 'permit') }),
      PolicyError,
    )
    await t.rejects(loadFrom(t, { 'x.cedar': rule('@approval("hold=2d")', 'forbid') }), {
      message: /cannot be read at "hold=2d"/,
    })
    const set = await loadFrom(t, { 'x.cedar': rule('@approval("uses=2")', 'forbid') })
    t.match(set.rules.get('x')?.policy.approval, { uses: 2 })
  },
)

const G = 'entra/11111111-1111-1111-1111-111111111111'
const WS =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'

t.test('the last line that matches counts', async (t) => {
  const { lines, faults } = readOwners(
    'owners.yaml',
    `owners:
  - { models: "*", reviewers: ['Group::"${G}/all"'] }
  - { models: "fraud-*", reviewers: ['Group::"${G}/fraud"'], required: 2, each: true }
  - { models: "endpoints/f?o", reviewers: ['Group::"${G}/foo"'] }
  - { models: "fraud-free", reviewers: [] }
  - { models: "*", in: 'Workspace::"${WS}"', reviewers: ['Group::"${G}/ws"'] }
`,
    new Map(),
    ['entra'],
  )
  t.same(faults, [])
  const owners = (names: string[], ...places: string[]) =>
    ownersOf(lines, {
      names,
      places: places.map((id) => ({ type: 'Workspace', id })),
    }).map(({ reviewers }) => reviewers[0]?.id.slice(G.length + 1))
  const owner = (names: string[], ...places: string[]) => owners(names, ...places)[0] ?? null
  t.equal(owner([]), 'all')
  t.equal(owner(['models/fraud-1']), 'fraud')
  t.equal(owner(['models/fraud']), 'all')
  t.equal(owner(['models/fraud-free']), null, 'nobody owns it')
  t.equal(owner(['endpoints/foo', 'models/fraud-1']), 'foo')
  t.equal(owner(['endpoints/fooo']), 'all')
  t.equal(owner(['models/x/fraud-1']), 'all', 'a star stays within a name')
  t.equal(owner(['models/fraud-1'], WS), 'ws')
  // a change of two models is of the owners of both
  t.same(owners(['models/fraud-1', 'models/x']), ['fraud', 'all'])
  t.same(owners(['endpoints/e', 'models/fraud-1', 'models/fraud-2']), ['fraud'])
  t.same(owners(['models/fraud-1', 'models/fraud-free']), [], 'nobody owns one of them')
})

t.test('every fault of owners.yaml, with its line', async (t) => {
  const { faults } = readOwners(
    'owners.yaml',
    `owners:
  - models: "a/b/c"
    reviewers: ['Group::"${G}/x"']
  - models: "x"
    reviewers: ['Service::"${G}/x"', 'Group::"unknown/x"', 'nobody']
    required: 0
    each: 1
    more: 1
  - models: "x"
    in: 'Workspace::"x"'
`,
    new Map(),
    ['entra'],
  )
  t.same(
    faults.map(({ line, message }) => `${line} ${message}`),
    [
      '2 "models" is a pattern',
      '8 unknown key "more"',
      '5 "Service" cannot review',
      '5 unknown issuer "unknown"',
      '5 "nobody" is not a reference',
      '6 "required" is a number from 1 to 9',
      '7 "each" is true or false',
      '10 "x" is not the ARM id of a Workspace',
      '9 "reviewers" is a list of groups, roles or people',
    ],
  )
})
