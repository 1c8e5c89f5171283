import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Operation } from '../../src/vocabulary/operation.ts'
import { Refusal } from '../../src/errors.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { createDecide, type Verdict } from '../../src/policy/decide.ts'
import { loadFrom, loadShipped, operation, principal, resource, RG, SUB, WS } from './support.ts'

const BINDINGS = `
identities: [ml-reader, ml-writer]
bindings:
  - { id: scientists, template: data-scientist, principal: 'Group::"entra/t/scientists"', resource: 'Workspace::"${WS}"' }
  - { id: readers, template: reader, principal: 'Group::"okta/readers"', resource: 'ResourceGroup::"${RG}"' }
  - { id: clusters, template: compute, principal: 'Workspace::"${WS}"', resource: 'Workspace::"${WS}"' }
`
const scientist = principal({ groups: ['entra/t/scientists'] })
const reader = principal({ id: 'okta/u1', issuer: 'okta', groups: ['okta/readers'] })
const both = principal({ groups: ['entra/t/scientists', 'okta/readers'] })

function identityOf(verdict: Verdict): string | null {
  return verdict.permit === null ? null : verdict.permit.effects.identity
}

function at(id: string): Operation {
  return operation('workspaces/jobs/read', { resource: resource('Job', `${id}/jobs/j`), scope: id })
}

function compute(given: Partial<Principal>): Principal {
  return principal({ kind: 'compute', workspace: WS, ...given })
}

function codeOf(verdict: Verdict): string | null {
  return verdict.permit === null ? verdict.refusal.code : null
}

t.test('the shipped policies', async (t) => {
  const set = await loadShipped(t, BINDINGS)
  const decide = createDecide(set)

  t.test(
    'let a data scientist write, under the writing identity, pinned and stamped',
    async (t) => {
      const verdict = decide(scientist, operation('workspaces/jobs/write'), {})
      t.match(verdict.permit?.effects, { identity: 'ml-writer', pin: true, stamp: true })
      t.same(verdict.decision.policies, ['data-scientist@scientists'])
      t.equal(verdict.decision.version, set.version)
    },
  )

  t.test('let a reader look, under the reading identity', async (t) => {
    t.equal(identityOf(decide(reader, operation('workspaces/jobs/read'), {})), 'ml-reader')
  })

  t.test('take the least privileged identity when several permits apply', async (t) => {
    const verdict = decide(both, operation('workspaces/jobs/read'), {})
    t.equal(identityOf(verdict), 'ml-reader')
    t.equal(verdict.permit?.effects.redact, true, 'and every other effect of any of them')
    t.equal(verdict.permit?.effects.pin, true)
    t.equal(identityOf(decide(both, operation('workspaces/jobs/write'), {})), 'ml-writer')
  })

  t.test('refuse what is not permitted, saying what would be needed', async (t) => {
    const verdict = decide(reader, operation('workspaces/jobs/write'), {})
    t.equal(codeOf(verdict), 'policy_refused')
    t.ok(verdict.permit === null && verdict.refusal instanceof Refusal)
    t.match(
      verdict.decision.reason,
      'needs Microsoft.MachineLearningServices/workspaces/jobs/write',
    )
    t.match(verdict.decision.reason, 'workspace "ws-lab"')
    t.match(verdict.permit === null ? verdict.refusal.detail.remedy : '', 'data-scientist')
    t.match(
      verdict.permit === null ? verdict.refusal.detail.remedy : '',
      'the group entra/t/scientists has it on workspace "ws-lab", and you are not in it',
    )
  })

  t.test(
    'say that none of the templates is bound here, or that there is no template',
    async (t) => {
      const admin = decide(reader, operation('workspaces/write'), {})
      t.match(
        admin.permit === null ? admin.refusal.detail.remedy : '',
        'none of your groups has it',
      )
      const foreign = {
        ...operation('x/y'),
        action: 'Microsoft.Authorization/locks/write',
      } as const
      const bound = decide(reader, { ...foreign, effect: 'write' }, {})
      t.equal(codeOf(bound), 'policy_refused')
    },
  )

  t.test('give a binding above a workspace to the workspaces below, and to no other', async (t) => {
    const other = `${RG}/providers/microsoft.machinelearningservices/workspaces/ws-two`
    const beside = other.replace('rg-lab', 'rg-other')
    t.equal(identityOf(decide(reader, at(other), {})), 'ml-reader')
    t.equal(codeOf(decide(reader, at(beside), {})), 'policy_refused')
    t.equal(codeOf(decide(scientist, at(other), {})), 'policy_refused')
  })

  t.test('give secrets to nobody but by name', async (t) => {
    for (const action of [
      'datastores/listsecrets/action',
      'listKeys/action',
      'listNotebookKeys/read',
    ]) {
      for (const who of [scientist, reader, both]) {
        const verdict = decide(who, operation(`workspaces/${action}`, { secrets: true }), {})
        t.equal(codeOf(verdict), 'secrets_refused', action)
        t.same(verdict.decision.policies, ['secrets'])
      }
    }
    const upload = operation('workspaces/codes/versions/startPendingUpload/action', {
      secrets: true,
    })
    t.equal(identityOf(decide(scientist, upload, {})), 'ml-writer')
    t.equal(codeOf(decide(reader, upload, {})), 'secrets_refused', 'nor a named one to anybody')
  })

  t.test('know a secret by its name too, whatever the classification says', async (t) => {
    const lenient = operation('workspaces/DATASTORES/listSecrets/action', { secrets: false })
    t.equal(codeOf(decide(scientist, lenient, {})), 'secrets_refused')
    const read = operation('workspaces/datastores/read', { secrets: true })
    t.equal(codeOf(decide(reader, read, {})), 'secrets_refused', 'a read that returns keys')
    t.equal(identityOf(decide(reader, { ...read, secrets: false }, {})), 'ml-reader')
  })

  t.test(
    'judge actions that nobody has heard of by their group and by role patterns',
    async (t) => {
      const unknown = operation('workspaces/widgets/read')
      t.equal(identityOf(decide(reader, unknown, {})), 'ml-reader')
      t.equal(
        codeOf(decide(reader, operation('workspaces/widgets/spin/action'), {})),
        'policy_refused',
      )
      t.equal(
        identityOf(decide(scientist, operation('workspaces/widgets/spin/action'), {})),
        'ml-writer',
      )
    },
  )

  t.test(
    'let a cluster act for its own workspace only, and nobody else as a cluster',
    async (t) => {
      const track = operation('workspaces/experiments/runs/write')
      t.equal(identityOf(decide(compute({}), track, {})), 'ml-writer')
      t.equal(codeOf(decide(compute({ workspace: `${WS}2` }), track, {})), 'policy_refused')
      t.equal(codeOf(decide(compute({ kind: 'user' }), track, {})), 'policy_refused')
      t.equal(codeOf(decide(compute({ kind: 'service' }), track, {})), 'policy_refused')
    },
  )

  t.test('give outsiders nothing', async (t) => {
    for (const action of ['workspaces/read', 'workspaces/jobs/read', 'workspaces/jobs/write']) {
      t.equal(codeOf(decide(principal(), operation(action), {})), 'policy_refused')
    }
  })
})

const PERMIT = `@id("all") @reason("all") @identity("ml-writer") permit (principal, action, resource);`

t.test('a forbid wins over any permit and gives its own reason', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `${PERMIT} @id("no-deletes") @reason("nothing is deleted here")
      forbid (principal, action in Action::"delete", resource);`,
  })
  const verdict = createDecide(set)(principal(), operation('workspaces/jobs/delete'), {})
  t.equal(codeOf(verdict), 'policy_refused')
  t.same(verdict.decision.policies, ['no-deletes'])
  t.equal(verdict.decision.reason, 'nothing is deleted here')
  t.same(verdict.permit === null ? verdict.refusal.detail.policies : [], ['no-deletes'])
})

t.test('an evaluation error of any policy refuses, whatever the others say', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `${PERMIT} @id("big") @reason("too many")
      forbid (principal, action, resource) when { context has instanceCount && context.instanceCount * 9223372036854775807 > 1 };`,
  })
  const decide = createDecide(set)
  t.equal(identityOf(decide(principal(), operation('workspaces/jobs/write'), {})), 'ml-writer')
  const verdict = decide(principal(), operation('workspaces/jobs/write'), { instanceCount: 4 })
  t.equal(codeOf(verdict), 'policy_error')
  t.same(verdict.decision.policies, ['big'])
})

t.test('a fact of the wrong type, or one that Cedar cannot hold, refuses', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `${PERMIT} @id("big") @reason("too many")
      forbid (principal, action, resource) when { context has instanceCount && context.instanceCount > 8 };
      @id("net") @reason("not from there")
      forbid (principal, action, resource) when { context has sourceIp && context.sourceIp.isLoopback() };`,
  })
  const decide = createDecide(set)
  for (const facts of [{ instanceCount: 'many' }, { instanceCount: 1.5 }, { sourceIp: 'here' }]) {
    t.equal(codeOf(decide(principal(), operation('workspaces/jobs/write'), facts)), 'policy_error')
  }
  const inner = decide(principal(), operation('workspaces/jobs/write'), { sourceIp: 'here' })
  t.type(inner.permit === null ? inner.refusal.detail.inner : null, 'string')
  t.equal(
    codeOf(decide(principal(), operation('workspaces/jobs/write'), { sourceIp: '127.0.0.1' })),
    'policy_refused',
  )
})

t.test('facts decide, and the cache keeps their answers apart', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `@id("pinned") @reason("only pinned images") @identity("ml-writer")
      permit (principal, action, resource) when { context has images && context.images.contains("a@sha256:1") };`,
  })
  const decide = createDecide(set)
  const job = operation('workspaces/jobs/write')
  for (let round = 0; round < 2; round++) {
    t.equal(identityOf(decide(principal(), job, { images: ['a@sha256:1'] })), 'ml-writer')
    t.equal(codeOf(decide(principal(), job, { images: ['a:latest'] })), 'policy_refused')
    t.equal(codeOf(decide(principal(), job, {})), 'policy_refused')
  }
})

t.test('facts of the token come from the token, whatever is passed in', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `@id("mfa") @reason("with a second factor") @identity("ml-writer")
      permit (principal, action, resource) when { context has methods && context.methods.contains("mfa") && context has client && context.client == "cli" && context has family && context.family == "arm" };`,
  })
  const decide = createDecide(set)
  const job = operation('workspaces/jobs/write')
  const strong = principal({ methods: ['pwd', 'mfa'], client: 'cli' })
  t.equal(identityOf(decide(strong, job, {})), 'ml-writer')
  t.equal(codeOf(decide(principal({ client: 'cli' }), job, { methods: ['mfa'] })), 'policy_refused')
  t.equal(codeOf(decide(principal({ methods: ['mfa'] }), job, { client: 'cli' })), 'policy_refused')
  t.equal(codeOf(decide(strong, { ...job, family: 'mlflow' }, {})), 'policy_refused')
})

t.test('a policy that takes the context as a whole sees every fact', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `@id("whole") @reason("whole") @identity("ml-writer")
      permit (principal, action, resource) when { [context].contains(context) && context has experiment };`,
  })
  const decide = createDecide(set)
  t.equal(
    identityOf(decide(principal(), operation('workspaces/jobs/write'), { experiment: 'e' })),
    'ml-writer',
  )
  t.equal(codeOf(decide(principal(), operation('workspaces/jobs/write'), {})), 'policy_refused')
})

t.test('principals whose ids run into one another do not share a decision', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `@id("one") @reason("one") @identity("ml-writer")
      permit (principal in Group::"entra/a", action, resource);`,
  })
  const decide = createDecide(set)
  const job = operation('workspaces/jobs/write')
  t.equal(identityOf(decide(principal({ groups: ['entra/a'] }), job, {})), 'ml-writer')
  t.equal(codeOf(decide(principal({ groups: ['entra/a","x'] }), job, {})), 'policy_refused')
  t.equal(codeOf(decide(principal({ roles: ['entra/a'] }), job, {})), 'policy_refused')
  t.equal(codeOf(decide(principal({ id: 'entra/a' }), job, {})), 'policy_refused')
})

t.test('one permit for all whom no policy can tell apart, and for nobody else', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `@id("one") @reason("one") @identity("ml-writer")
      permit (principal in Group::"entra/a", action, resource);
      @id("two") @reason("two")
      forbid (principal == User::"entra/t/blocked", action, resource);
      @id("three") @reason("three")
      forbid (principal, action, resource) when { principal in Role::"entra/guest" || principal is Compute };`,
  })
  const decide = createDecide(set)
  const job = operation('workspaces/jobs/write')
  const decided = (given: Parameters<typeof principal>[0]) =>
    decide(principal({ groups: ['entra/a'], ...given }), job, {})
  const first = decided({ id: 'entra/t/1' })
  t.equal(identityOf(first), 'ml-writer')
  for (const alike of [
    { id: 'entra/t/2' },
    { id: 'entra/t/3', groups: ['entra/unnamed', 'entra/a'] },
    { id: 'entra/t/4', roles: ['entra/unnamed'] },
  ])
    t.equal(decided(alike).decision, first.decision, alike.id)
  for (const other of [
    { id: 'entra/t/blocked' },
    { id: 'entra/t/5', roles: ['entra/guest'] },
    { id: 'entra/t/6', kind: 'compute' as const },
    { id: 'entra/t/7', groups: [] },
  ])
    t.equal(codeOf(decided(other)), 'policy_refused', other.id)
  t.equal(identityOf(decided({ id: 'entra/t/8', kind: 'service' })), 'ml-writer')
})

t.test(
  'callers are told apart where a policy compares them with what it does not name',
  async (t) => {
    const set = await loadFrom(t, {
      'a.cedar': `@id("own") @reason("own") @identity("ml-writer")
      permit (principal, action, resource is Workspace) when { principal in resource };`,
    })
    const decide = createDecide(set)
    const read = operation('workspaces/read', { resource: resource('Workspace', WS) })
    const cluster = (workspace: string) => principal({ kind: 'compute', workspace })
    t.equal(identityOf(decide(cluster(WS), read, {})), 'ml-writer')
    t.equal(codeOf(decide(cluster(`${WS}-other`), read, {})), 'policy_refused')
  },
)

t.test('whom a mistyped binding may be meant for is told to nobody else', async (t) => {
  const set = await loadShipped(
    t,
    `
identities: [ml-reader, ml-writer]
bindings:
  - { id: typo, template: reader, principal: 'User::"entra/other/1"', resource: 'Subscription::"${SUB}"' }
`,
  )
  const decide = createDecide(set)
  const adviceFor = (id: string): string | undefined => {
    const verdict = decide(principal({ id }), operation('workspaces/jobs/read'), {})
    return verdict.permit === null ? verdict.refusal.detail.inner : undefined
  }
  for (const again of [false, true]) {
    t.match(adviceFor('entra/t/1'), /binding typo may be mistyped.*User::"entra\/t\/1"/, `${again}`)
    t.equal(adviceFor('entra/t/2'), undefined, `${again}`)
  }
})

t.test('a cached permit carries the request that it is given for', async (t) => {
  const set = await loadFrom(t, { 'a.cedar': PERMIT })
  const decide = createDecide(set, { cacheSize: 10 })
  const one = operation('workspaces/jobs/write', { longRunning: false })
  const other = operation('workspaces/jobs/write', { longRunning: true })
  const who = principal()
  t.equal(decide(who, one, {}).permit?.operation, one)
  t.equal(decide(who, other, {}).permit?.operation, other)
  const again = principal()
  t.equal(decide(again, other, {}).permit?.principal, again)
})

t.test('shadow policies are named and change nothing', async (t) => {
  const set = await loadFrom(t, {
    'a.cedar': `${PERMIT} @id("soon") @reason("will be refused") @shadow
      forbid (principal, action in Action::"delete", resource);
      @id("broken") @reason("fails") @shadow
      forbid (principal, action in Action::"invoke", resource) when { context has instanceCount && context.instanceCount * 9223372036854775807 > 1 };`,
  })
  const decide = createDecide(set)
  const remove = decide(principal(), operation('workspaces/jobs/delete'), {})
  t.equal(identityOf(remove), 'ml-writer')
  t.same(remove.decision.shadow, ['soon'])
  t.same(decide(principal(), operation('workspaces/jobs/read'), {}).decision.shadow, [])
  const failing = decide(principal(), operation('workspaces/jobs/cancel/action'), {
    instanceCount: 2,
  })
  t.equal(identityOf(failing), 'ml-writer')
  t.same(failing.decision.shadow, ['broken'])
})

t.test('a shadow binding would have permitted', async (t) => {
  const set = await loadShipped(
    t,
    `
identities: [ml-reader, ml-writer]
bindings:
  - { id: maybe, template: reader, principal: 'Group::"okta/readers"', resource: 'Subscription::"${SUB}"', shadow: true }
`,
  )
  const verdict = createDecide(set)(reader, operation('workspaces/jobs/read'), {})
  t.equal(codeOf(verdict), 'policy_refused')
  t.same(verdict.decision.shadow, ['reader@maybe'])
  t.match(
    verdict.permit === null ? verdict.refusal.detail.remedy : '',
    'you have no access to workspace "ws-lab"',
  )
})

/** Bytes in use after a collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  gc()
  return process.memoryUsage().heapUsed
}

t.test(
  'what is kept does not grow with each second that the tokens of callers grow old',
  async (t) => {
    const set = await loadFrom(t, {
      'old.cedar': `@id("old") @reason("the token is too old") forbid (principal, action, resource)
      when { context has tokenAgeSeconds && context.tokenAgeSeconds > 100000 };`,
    })
    const decide = createDecide(set, { cacheSize: 100 })
    const callers = Array.from({ length: 100 }, (_, n) => principal({ id: `entra/t/${n}` }))
    const read = operation('workspaces/jobs/read')
    const askAt = (seconds: number): void => {
      for (const caller of callers) decide(caller, read, { tokenAgeSeconds: seconds })
    }
    askAt(0)
    const before = heapUsed()
    for (let seconds = 1; seconds <= 900; seconds++) askAt(seconds)
    const grown = heapUsed() - before
    t.equal(codeOf(decide(callers[0]!, read, { tokenAgeSeconds: 100_001 })), 'policy_refused')
    t.ok(grown < 2_500_000, `${grown} bytes`)
  },
)
