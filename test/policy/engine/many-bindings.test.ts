/**
 * What a decision costs does not grow with the bindings that all match one caller, counted: how many times a question that
 * differs from an earlier one only by ids that no policy names looks at a rule.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { createDecide } from '../../../src/policy/decide.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import type { PolicySet, Rule } from '../../../src/policy/load/rules.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import type { Operation } from '../../../src/vocabulary/operation.ts'

const SHIPPED = resolve(import.meta.dirname, '../../../policies')
const GROUP = '/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg'
const WORKSPACE = `${GROUP}/providers/microsoft.machinelearningservices/workspaces/ws`
const BINDINGS = 1_000
const QUESTIONS = 50

/** The shipped policies, bound for the group `team`, in the workspace and its resource group in turn. */
async function policiesOf(t: Test): Promise<PolicySet> {
  const directory = await mkdtemp(join(tmpdir(), 'many-bindings-'))
  t.teardown(() => rm(directory, { recursive: true }))
  await cp(SHIPPED, directory, { recursive: true })
  const places = [`Workspace::"${WORKSPACE}"`, `ResourceGroup::"${GROUP}"`]
  const lines = Array.from(
    { length: BINDINGS },
    (_, n) =>
      `  - { id: b${n}, template: data-scientist, principal: 'Group::"entra/t/team"', resource: '${places[n % 2]}' }`,
  )
  const file = join(directory, 'bindings.yaml')
  await writeFile(
    file,
    ['identities: [ml-reader, ml-writer]', 'bindings:', ...lines, ''].join('\n'),
  )
  return loadPolicy({ directory, bindings: file, identities: ['ml-reader', 'ml-writer'] })
}

const person = (n: number): Principal => ({
  kind: 'user',
  id: `entra/t/person-${n}`,
  issuer: 'entra',
  tenant: 't',
  client: null,
  groups: ['entra/t/team'],
  roles: [],
  scopes: [],
  resourceId: null,
  workspace: null,
  methods: [],
  issuedAt: 0,
  expiresAt: 0,
  authenticatedAt: null,
  tokenId: null,
  challengeable: false,
})

const read = (n: number): Operation => ({
  action: 'Microsoft.MachineLearningServices/workspaces/jobs/read',
  effect: 'read',
  resource: {
    type: 'Job',
    id: `${WORKSPACE}/jobs/job-${n}`,
    ancestors: [
      { type: 'Workspace', id: WORKSPACE },
      { type: 'ResourceGroup', id: GROUP },
      { type: 'Subscription', id: '/subscriptions/00000000-0000-0000-0000-000000000000' },
    ],
  },
  family: 'arm',
  secrets: false,
  longRunning: false,
  scope: WORKSPACE,
  inspectable: false,
})

t.test(
  'a thousand bindings that permit are looked at once, not for each caller and job',
  async (t) => {
    const set = await policiesOf(t)
    let looks = 0
    const watched = (rule: Rule): Rule =>
      new Proxy(rule, {
        get: (target, name, self) => {
          looks++
          return Reflect.get(target, name, self) as unknown
        },
      })
    const rules = new Map([...set.rules].map(([id, rule]) => [id, watched(rule)]))
    const decide = createDecide({ ...set, rules })
    const ask = (n: number): readonly string[] => {
      const { permit, decision } = decide(person(n), read(n), {})
      t.ok(permit)
      return decision.policies
    }
    t.equal(ask(0).length, BINDINGS)
    t.ok(looks >= BINDINGS, 'the first question looks at each')
    looks = 0
    for (let n = 1; n <= QUESTIONS; n++) t.equal(ask(n).length, BINDINGS)
    t.ok(looks <= QUESTIONS, `${looks} looks at rules for ${QUESTIONS} questions`)
  },
)
