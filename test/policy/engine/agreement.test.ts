/**
 * Slices, reduced entities and the cache never change an answer: random policies and requests, with and without,
 * agree with plain Cedar over the whole set.
 */
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import t, { type Test } from 'tap'
import type { Effect, Operation } from '../../../src/vocabulary/operation.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import type { ActionWord } from '../../../src/vocabulary/actions.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { contextOf, principalUids, resourceUids } from '../../../src/policy/engine/entities.ts'
import { createNeeded } from '../../../src/policy/engine/refusal-advice.ts'
import { cedarPolicies, type PolicySet } from '../../../src/policy/load/rules.ts'
import { createWords } from '../../../src/policy/load/words.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { ML, principal, SUB, writePolicies } from '../support.ts'

// too long for test/quick.ts
t.setTimeout(300_000)

/** A small deterministic generator (mulberry32): a failure names its seed. */
function random(seed: number): <T>(from: readonly T[]) => T {
  let state = seed
  return (from) => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    const value = from[((bits ^ (bits >>> 14)) >>> 0) % from.length]
    if (value === undefined) throw new Error('nothing to choose from')
    return value
  }
}

const GROUPS = [0, 1, 2, 3].map((rg) => `${SUB}/resourcegroups/rg${rg}`)
const SPACES = GROUPS.flatMap((rg) =>
  [0, 1].map((ws) => `${rg}/providers/microsoft.machinelearningservices/workspaces/ws${ws}`),
)
const MEMBERSHIPS = ['e/g0', 'e/g1', 'e/g2', 'e/g3']
const NAMES = [
  'jobs/read',
  'jobs/write',
  'jobs/cancel/action',
  'models/versions/write',
  'datastores/listsecrets/action',
]

/** A small vocabulary: the real one makes each set take a second to validate. */
const SMALL = createWords(
  [...NAMES, 'jobs/delete'].map((name): ActionWord => {
    const verb = name.split('/').at(-1)
    const group = verb === 'read' || verb === 'write' || verb === 'delete' ? verb : 'invoke'
    return { name: `${ML}/workspaces/${name}`, group, secrets: name.includes('secrets') }
  }),
  ['Subscription', 'ResourceGroup', 'Workspace', 'Job', 'Other'],
)

type Choose = ReturnType<typeof random>

function scopePrincipal(choose: Choose): string {
  return choose([
    'principal',
    'principal is User',
    'principal is Compute',
    `principal in Group::"${choose(MEMBERSHIPS)}"`,
    `principal == User::"e/u${choose([0, 1])}"`,
    `principal is User in Group::"${choose(MEMBERSHIPS)}"`,
    `principal in Workspace::"${choose(SPACES)}"`,
    `principal in Role::"e/r${choose([0, 1])}"`,
  ])
}

function scopeResource(choose: Choose): string {
  return choose([
    'resource',
    'resource is Job',
    `resource in Workspace::"${choose(SPACES)}"`,
    `resource is Job in Workspace::"${choose(SPACES)}"`,
    `resource in ResourceGroup::"${choose(GROUPS)}"`,
    `resource in Subscription::"${SUB}"`,
    `resource == Job::"${choose(SPACES)}/jobs/j0"`,
    `resource == Workspace::"${choose(SPACES)}"`,
  ])
}

function scopeAction(choose: Choose): string {
  const named = `Action::"${ML}/workspaces/${choose(NAMES)}"`
  return choose([
    'action',
    'action in Action::"read"',
    'action in [Action::"write", Action::"delete"]',
    'action in Action::"secrets"',
    'action in Action::"role:AzureML Data Scientist"',
    `action == ${named}`,
    `action in [${named}, Action::"invoke"]`,
  ])
}

function condition(choose: Choose): string {
  return choose([
    '',
    '',
    '',
    'when { context has instanceCount && context.instanceCount < 3 }',
    'when { context has instanceCount && context.instanceCount * 4611686018427387904 > 0 }',
    'when { context has instanceCount && context.instanceCount * 4611686018427387904 > 0 }',
    'when { context has instanceCount && context.instanceCount * 4611686018427387904 > 0 }',
    'when { context has jobTypes && context.jobTypes.contains("sweep") }',
    `unless { principal in Group::"${choose(MEMBERSHIPS)}" }`,
    `when { resource in Workspace::"${choose(SPACES)}" }`,
    'when { principal in resource }',
    `when { resource == Job::"${choose(SPACES)}/jobs/j0" }`,
    `unless { User::"e/u${choose([0, 1])}" == principal }`,
    'when { [User::"e/u0", User::"e/u1"].contains(principal) }',
    `when { action != Action::"${ML}/workspaces/${choose(NAMES)}" }`,
    'unless { principal is Compute && resource in ResourceGroup::"nowhere" }',
    `when { [Group::"${choose(MEMBERSHIPS)}", Group::"${choose(MEMBERSHIPS)}"].contains(Group::"e/g1") }`,
    'when { if resource is Job then principal is User else context has family }',
  ])
}

function policies(choose: Choose, count: number): Record<string, string> {
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const permit = choose([true, true, false])
    const notes = `@id("p${i}") @reason("r")${permit ? ` @identity("ml-writer")` : ''}${choose(['', '', '', ' @shadow'])}`
    lines.push(
      `${notes} ${permit ? 'permit' : 'forbid'} (${scopePrincipal(choose)}, ${scopeAction(choose)}, ${scopeResource(choose)}) ${condition(choose)};`,
    )
  }
  const template = (id: string, effect: string): string =>
    `@id("${id}") @reason("r") ${effect === 'permit' ? '@identity("ml-writer")' : ''} ${effect} (principal in ?principal, ${scopeAction(choose)}, resource in ?resource) ${condition(choose)};`
  const bindings = Array.from({ length: count }, (_, i) => {
    const who = choose([
      `Group::"${choose(MEMBERSHIPS)}"`,
      `User::"e/u${choose([0, 1])}"`,
      `Workspace::"${choose(SPACES)}"`,
    ])
    const where = choose([
      `Workspace::"${choose(SPACES)}"`,
      `ResourceGroup::"${choose(GROUPS)}"`,
      `Subscription::"${SUB}"`,
    ])
    return `  - { id: b${i}, template: ${choose(['grant', 'deny'])}, principal: '${who}', resource: '${where}', shadow: ${choose([true, false, false])} }`
  })
  return {
    'all.cedar': lines.join('\n'),
    'templates/grant.cedar': template('grant', 'permit'),
    'templates/deny.cedar': template('deny', 'forbid'),
    'bindings.yaml': `bindings:\n${bindings.join('\n')}\n`,
  }
}

/** Sets that Cedar's validator finds impossible are drawn again: the draw is not what is tested. */
async function draw(test: Test, choose: Choose): Promise<PolicySet> {
  for (;;) {
    try {
      return await loadPolicy(await writePolicies(test, policies(choose, 12)), SMALL)
    } catch {
      continue
    }
  }
}

function request(choose: Choose): [Principal, Operation, Record<string, number | string[]>] {
  const space = choose(SPACES)
  const kind = choose(['user', 'user', 'service', 'compute'] as const)
  const who = principal({
    kind,
    id: `e/u${choose([0, 1, 2])}`,
    groups: MEMBERSHIPS.filter(() => choose([true, false])),
    roles: choose([[], ['e/r0'], ['e/r0', 'e/r1']]),
    workspace: kind === 'compute' ? choose([null, ...SPACES]) : null,
  })
  const name = choose(NAMES)
  const effects: Record<string, Effect> = { read: 'read', write: 'write' }
  const group = space.split('/').slice(0, 5).join('/')
  const inside = [
    { type: 'ResourceGroup', id: group },
    { type: 'Subscription', id: SUB },
  ]
  const operation: Operation = {
    action: `${ML}/workspaces/${name}`,
    effect: effects[name.split('/').at(-1) ?? ''] ?? 'invoke',
    resource: choose([
      {
        type: 'Job',
        id: `${space}/jobs/j${choose([0, 1])}`,
        ancestors: [{ type: 'Workspace', id: space }, ...inside],
      },
      { type: 'Workspace', id: space, ancestors: inside },
    ]),
    family: 'arm',
    secrets: name.includes('secrets'),
    longRunning: false,
    scope: space,
    inspectable: false,
  }
  const facts = choose([
    {},
    { instanceCount: choose([1, 4]) },
    { jobTypes: [choose(['sweep', 'spark'])] },
  ])
  return [who, operation, facts]
}

/** Plain Cedar: every rule in force, every entity, no slice, no cache. */
function plainly(set: PolicySet, asked: ReturnType<typeof request>): string {
  const inForce = [...set.rules.values()].filter(({ shadow }) => !shadow)
  return askCedar(set, asked, cedarPolicies(inForce))
}

/** Whether the template `grant` would permit, were it bound for this very principal on this very resource. */
function wouldGrant(set: PolicySet, asked: ReturnType<typeof request>): boolean {
  const [who, operation] = asked
  const policy = set.templates.get('grant')
  const [principalUid] = principalUids(who)
  const [resourceUid] = resourceUids(operation)
  if (policy === undefined || principalUid === undefined || resourceUid === undefined)
    throw new Error('no template')
  const bound = { principal: principalUid, resource: resourceUid }
  const link = { binding: 'self', ...bound }
  const rule = { id: 'grant@self', policy, link, ...bound, shadow: false }
  return askCedar(set, asked, cedarPolicies([rule])).startsWith('allow')
}

function askCedar(
  set: PolicySet,
  [who, operation, facts]: ReturnType<typeof request>,
  policies: ReturnType<typeof cedarPolicies>,
): string {
  const [principalUid, ...memberships] = principalUids(who)
  const [resourceUid, ...ancestors] = resourceUids(operation)
  const [actionUid, ...groups] = set.words.actionOf(operation).uids
  if (principalUid === undefined || resourceUid === undefined || actionUid === undefined)
    throw new Error('no entity')
  const answer = isAuthorized({
    principal: principalUid,
    action: actionUid,
    resource: resourceUid,
    context: { ...facts, family: operation.family },
    policies,
    entities: [
      { uid: principalUid, attrs: {}, parents: memberships },
      { uid: actionUid, attrs: {}, parents: groups },
      { uid: resourceUid, attrs: {}, parents: ancestors },
    ],
  })
  if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors))
  const { decision, diagnostics } = answer.response
  if (diagnostics.errors.length > 0) {
    return `error ${diagnostics.errors
      .map(({ policyId }) => policyId)
      .toSorted()
      .join(' ')}`
  }
  return `${decision} ${diagnostics.reason.toSorted().join(' ')}`
}

t.test(
  'random policies and requests agree with plain Cedar, asked once and asked again',
  async (t) => {
    const seen = new Map<string, number>()
    for (let seed = 1; seed <= 16; seed++) {
      const choose = random(seed)
      const set = await draw(t, choose)
      const cached = createDecide(set, { cacheSize: 64 })
      const uncached = createDecide(set, { cacheSize: 0 })
      const wrong: unknown[] = []
      for (let i = 0; i < 200; i++) {
        const asked = request(choose)
        const expected = plainly(set, asked)
        for (const decide of [cached, uncached, cached]) {
          const verdict = decide(...asked)
          const error = verdict.permit === null && verdict.refusal.code === 'policy_error'
          const word = error ? 'error' : verdict.permit === null ? 'deny' : 'allow'
          const got = `${word} ${verdict.decision.policies.join(' ')}`
          if (got !== expected) wrong.push({ i, expected, got })
        }
        const [word = ''] = expected.split(' ')
        seen.set(word, (seen.get(word) ?? 0) + 1)
      }
      t.same(wrong, [], `seed ${seed}`)
    }
    for (const word of ['allow', 'deny', 'error'])
      t.ok((seen.get(word) ?? 0) > 50, `${word} was drawn ${seen.get(word) ?? 0} times`)
  },
)

t.test('the templates that a default deny names are those that plain Cedar finds', async (t) => {
  const seen = new Map<boolean, number>()
  for (let seed = 101; seed <= 124; seed++) {
    const choose = random(seed)
    const set = await draw(t, choose)
    const decide = createDecide(set, { cacheSize: 0 })
    const neededFor = createNeeded(set)
    const wrong: unknown[] = []
    for (let i = 0; i < 100; i++) {
      const asked = request(choose)
      const { permit, decision, ...rest } = decide(...asked)
      if (permit !== null || decision.policies.length > 0 || !('refusal' in rest)) continue
      const expected = wouldGrant(set, asked)
      const [who, operation] = asked
      const { templates } = neededFor(
        {
          principals: principalUids(who),
          action: set.words.actionOf(operation),
          resources: resourceUids(operation),
          context: contextOf(decision.facts),
        },
        'here',
      )
      const named = templates.includes('grant')
      if (named !== expected) wrong.push({ i, expected, remedy: rest.refusal.detail.remedy })
      seen.set(expected, (seen.get(expected) ?? 0) + 1)
    }
    t.same(wrong, [], `seed ${seed}`)
  }
  for (const granted of [true, false])
    t.ok((seen.get(granted) ?? 0) > 50, `${granted} was drawn ${seen.get(granted) ?? 0} times`)
})
