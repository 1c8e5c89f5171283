/** What a grant permits, at each call: exactly its template on its resource, for as long as everything behind it holds. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  shownDigestOf,
  type GrantDocument,
  type GrantRequest,
} from '../../../src/approvals/grants/documents.ts'
import type { Grant } from '../../../src/approvals/grants/state.ts'
import { LedgerFault } from '../../../src/approvals/ledger/ledger.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { digestOf, termsOf } from '../../../src/policy/grants.ts'
import { createLivePolicy, type LivePolicy } from '../../../src/policy/reload.ts'
import { accessOf } from '../../../src/policy/review/effective-access.ts'
import { mayDo } from '../../../src/policy/review/who-can.ts'
import {
  createKnownGrants,
  TRUSTED_FOR_MS,
  type KnownGrants,
} from '../../../src/reviews/grants/known.ts'
import { IDENTITIES, operation, principal, SHIPPED, WS } from '../../policy/support.ts'
import { verdict } from './documents.ts'

const OTHER = WS.replace('ws-lab', 'ws-other')
const REQUESTS = `requests:
  - template: data-scientist
    who: [Group::"okta/people"]
    in: Workspace::"${WS}"
    way: grant
    for: { default: 1h, max: 8h }
    approvers: [Group::"okta/owners"]
  - { template: reader, way: grant, for: { max: 1h }, reviewers: 0 }
`
const BINDINGS = `identities: [ml-reader, ml-writer]
bindings: []
`
const START = Date.parse('2026-11-29T09:00:00Z')
const ASKER = principal({ id: 'okta/asker', groups: ['okta/people'] })
const write = operation('workspaces/jobs/write')

interface World {
  readonly live: LivePolicy
  readonly known: KnownGrants
  readonly folder: string
  readonly clock: { now: number; monotonic: number }
  /** What is in the ledger; null for one that does not answer. */
  ledger: GrantDocument[] | null
  readonly denied: Set<string>
  readonly permits: (who?: Principal, what?: typeof write) => boolean
  readonly ask: (given?: Partial<GrantRequest>) => GrantRequest
}

async function startWorld(t: Test): Promise<World> {
  const folder = t.testdir()
  await cp(SHIPPED, folder, { recursive: true })
  await writeFile(join(folder, 'bindings.yaml'), BINDINGS)
  await writeFile(join(folder, 'requests.yaml'), REQUESTS)
  const clock = { now: START, monotonic: 0 }
  const live = await createLivePolicy({
    directory: folder,
    bindings: join(folder, 'bindings.yaml'),
    identities: IDENTITIES,
    now: () => clock.now,
  })
  const denied = new Set<string>()
  const known = createKnownGrants({
    store: {
      async readAll() {
        if (world.ledger === null) throw new LedgerFault('it is down')
        return grantsOf(world.ledger)
      },
    },
    policy: live.current,
    isDenied: (id) => denied.has(id),
    now: () => clock.now,
    monotonic: () => clock.monotonic,
    log: () => undefined,
  })
  live.useGrants(known)
  const world: World = {
    live,
    known,
    folder,
    clock,
    denied,
    ledger: [],
    permits: (who = ASKER, what = write) => live.decide(who, what, {}).permit !== null,
    ask(given = {}) {
      const template = given.template ?? 'data-scientist'
      const set = live.current()
      const rule = set.requests.rules.find((one) => one.template === template)
      const policy = set.templates.get(template)
      const terms = rule === undefined ? null : termsOf(rule)
      if (policy === undefined || terms === null) throw new Error('no such rule')
      return {
        v: 1,
        kind: 'grant-request',
        id: 'abcdefghijklmnop-1',
        iss: 'https://gw',
        exp: START / 1_000 + 86_400,
        by: ASKER.id,
        groups: [],
        signInAt: null,
        methods: [],
        iat: START / 1_000,
        policyVersion: set.version,
        decision: 'd',
        grantee: { type: 'User', id: ASKER.id },
        template,
        templateDigest: digestOf(policy),
        resource: { type: 'Workspace', id: WS },
        seconds: 3_600,
        terms,
        reason: 'because',
        ticket: null,
        ...given,
      }
    },
  }
  return world
}

function grantsOf(documents: readonly GrantDocument[]): ReadonlyMap<string, Grant> {
  return new Map(
    documents.flatMap((request) => {
      if (request.kind !== 'grant-request') return []
      const own = documents.filter(({ id }) => id === request.id)
      const extensions = own.filter((one) => one.kind === 'grant-extension')
      const verdicts = own.filter((one) => one.kind === 'grant-verdict')
      return [[request.id, { request, extensions, verdicts }] as const]
    }),
  )
}

const approval = (request: GrantRequest, given = {}) =>
  verdict(
    {
      id: request.id,
      iat: request.iat,
      by: 'okta/owner',
      groups: ['Group::okta/owners'],
      ...given,
    },
    request,
  )

/** A grant that has been approved, and permits. */
async function granted(world: World, t: Test): Promise<GrantRequest> {
  const request = world.ask()
  world.ledger = [request, approval(request)]
  await world.known.read()
  t.ok(world.permits(), 'it permits')
  return request
}

t.test('approved, it permits exactly its template on its resource to its holder', async (t) => {
  const world = await startWorld(t)
  const request = world.ask()
  t.notOk(world.permits())
  world.ledger = [request]
  await world.known.read()
  t.notOk(world.permits(), 'it is only asked for')
  world.ledger = [request, approval(request)]
  await world.known.read()
  t.ok(world.permits())
  t.same(world.live.decide(ASKER, write, {}).decision.policies, [
    'data-scientist@grant:abcdefghijklmnop-1',
  ])
  const elsewhere = operation('workspaces/jobs/write', {
    resource: {
      type: 'Job',
      id: `${OTHER}/jobs/train`,
      ancestors: [{ type: 'Workspace', id: OTHER }],
    },
    scope: OTHER,
  })
  t.notOk(world.permits(ASKER, elsewhere), 'in no other workspace')
  t.notOk(world.permits(ASKER, operation('workspaces/delete')), 'nothing that its template has not')
  t.notOk(world.permits(principal({ id: 'okta/other', groups: ['okta/people'] })), 'to nobody else')
  const service = principal({ kind: 'service', id: ASKER.id, groups: ['okta/people'] })
  t.notOk(world.permits(service), 'to no service of the same id')
  const forged = { ...ASKER, id: 'okta/other', grants: [request.id] }
  t.notOk(world.permits(forged), 'whoever says so holds nothing by that')
  const named = principal({ id: 'okta/x', groups: [request.id, `grant:${request.id}`] })
  t.notOk(world.permits(named), 'a group of its name is another thing')
})

t.test('what everybody may do differs by the grant alone', async (t) => {
  const world = await startWorld(t)
  const others = [
    principal({ id: 'okta/other', groups: ['okta/people'] }),
    principal({ id: 'okta/owner', groups: ['okta/owners'] }),
    principal({ kind: 'service', id: 'okta/asker' }),
  ]
  const lists = (who: Principal): string =>
    JSON.stringify(
      [WS, OTHER].map((on) => mayDo(world.live.current(), world.known.holding(who), on, null)),
    )
  const before = others.map(lists)
  const without = lists(ASKER)
  await granted(world, t)
  t.same(others.map(lists), before)
  const holder = world.known.holding(ASKER)
  const may = mayDo(world.live.current(), holder, WS, null) ?? []
  t.ok(may.length > 20)
  t.ok(
    may.every(({ policies }) =>
      policies.every((id) => id === 'data-scientist@grant:abcdefghijklmnop-1'),
    ),
  )
  t.same(mayDo(world.live.current(), holder, OTHER, null), JSON.parse(without)[1])
  t.match(accessOf(world.live.current(), holder).bindings, [
    { template: 'data-scientist', until: START + 3_600_000, principal: { type: 'Grant' } },
  ])
  world.clock.now += 3_600_000
  t.same(lists(ASKER), without)
})

t.test('it ends between two calls of one caller, whatever is cached', async (t) => {
  const world = await startWorld(t)
  const request = await granted(world, t)
  world.clock.now += 3_599_000
  t.ok(world.permits())
  world.clock.now += 1_000
  t.notOk(world.permits(), 'at its end')
  t.equal(world.live.refuseWithoutBody(ASKER, write, {}, false)?.refusal.code, 'policy_refused')
  world.clock.now = START
  t.ok(world.permits(), 'the clock was set back')
  world.ledger = [request, approval(request), approval(request, { verdict: 'end', decision: 'e' })]
  t.ok(world.permits(), 'until it is read')
  await world.known.read()
  t.notOk(world.permits(), 'somebody has ended it')
})

t.test('a ledger that is not read for too long permits nothing', async (t) => {
  const world = await startWorld(t)
  await granted(world, t)
  const { ledger } = world
  world.ledger = null
  world.clock.monotonic += TRUSTED_FOR_MS
  await t.rejects(world.known.read())
  t.ok(world.permits(), 'it has not answered for a while')
  world.clock.monotonic += 1
  t.notOk(world.permits(), 'for too long')
  t.notOk(world.known.isTrusted())
  const remedyOf = (who: Principal): string | undefined => {
    const verdict = world.live.decide(who, write, {})
    return verdict.permit === null ? verdict.refusal.detail.remedy : undefined
  }
  t.match(remedyOf(ASKER), /grants cannot be looked up now/)
  t.notMatch(remedyOf(principal({ id: 'okta/other' })), /looked up/, 'nobody else is told')
  t.match(world.live.refuseWithoutBody(ASKER, write, {}, false)?.refusal.detail, {
    remedy: /looked up/,
    retryAfter: 5,
  })
  world.ledger = ledger
  await world.known.read()
  t.ok(world.permits(), 'it answers again')
})

t.test('void once its rule, its template or its holder is another', async (t) => {
  const world = await startWorld(t)
  const change = async (file: string, text: string | null, outcome = 'changed'): Promise<void> => {
    const path = join(world.folder, file)
    await (text === null ? rm(path) : writeFile(path, text))
    t.match(await world.live.reload(), { outcome })
  }
  await granted(world, t)
  const changes: readonly [string, string][] = [
    ['who may ask', REQUESTS.replace('okta/people', 'okta/others')],
    ['on what', REQUESTS.replace(`Workspace::"${WS}"`, `Workspace::"${OTHER}"`)],
    ['for how long', REQUESTS.replace('max: 8h', 'max: 7h')],
    ['by whom', REQUESTS.replace('okta/owners', 'okta/others')],
    ['by how many', REQUESTS.replace('    approvers', '    reviewers: 2\n    approvers')],
    [
      'after which sign-in',
      REQUESTS.replace('    approvers', '    stepUp: methods=mfa\n    approvers'),
    ],
    ['in which way', 'requests: [{ template: data-scientist, way: pull-request }]'],
    ['at all', 'requests: []'],
  ]
  for (const [what, text] of changes) {
    await change('requests.yaml', text)
    t.notOk(world.permits(), what)
    await change('requests.yaml', REQUESTS)
    t.ok(world.permits(), `${what}, taken back`)
  }
  await change('requests.yaml', REQUESTS.replace('default: 1h', 'default: 2h'))
  t.ok(world.permits(), 'what is usual is no part of it')
  await change('requests.yaml', null)
  t.notOk(world.permits(), 'without requests.yaml')
  await change('requests.yaml', REQUESTS)
  const template = join('templates', 'data-scientist.cedar')
  const text = await readFile(join(world.folder, template), 'utf8')
  await change(template, text.replace('@pin\n', ''))
  t.notOk(world.permits(), 'the template has changed')
  await change(template, text)
  t.ok(world.permits())
  t.notOk(world.permits({ ...ASKER, groups: [] }), 'the holder has left the group')
  world.denied.add('okta/owner')
  t.notOk(world.permits(), 'the approver is on the deny list')
  world.denied.clear()
  t.ok(world.permits())
  await change('more.cedar', '@id("no") @reason("no") forbid (principal, action, resource);')
  t.notOk(world.permits(), 'forbids stay in force')
})

t.test('self-service, extended, and by many', async (t) => {
  const world = await startWorld(t)
  const own = world.ask({ template: 'reader', id: 'ponmlkjihgfedcba-1', seconds: 1_800 })
  const others = ['q', 'r', 's'].map((letter) =>
    world.ask({
      template: 'reader',
      id: `${letter.repeat(16)}-1`,
      grantee: { type: 'User', id: letter },
      by: letter,
    }),
  )
  world.ledger = [own, ...others]
  await world.known.read()
  const read = operation('workspaces/jobs/read')
  t.ok(world.permits(ASKER, read))
  t.notOk(world.permits())
  t.equal(world.known.counts().active, 4)
  world.clock.now += 1_800_000
  t.notOk(world.permits(ASKER, read))
  world.clock.now -= 1_000
  const iat = Math.floor(world.clock.now / 1_000)
  const { groups, by, signInAt, methods, policyVersion, decision, id } = own
  world.ledger.push({
    v: 1,
    kind: 'grant-extension',
    n: 1,
    shown: shownDigestOf(own, null),
    seconds: 1_800,
    reason: 'more',
    iat,
    id,
    groups,
    by,
    signInAt,
    methods,
    policyVersion,
    decision,
  })
  await world.known.read()
  world.clock.now += 1_000
  t.ok(world.permits(ASKER, read))
  world.clock.now += 1_800_000
  t.notOk(world.permits(ASKER, read))
})
