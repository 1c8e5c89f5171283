/**
 * What the calls about records and state ask of their sources, and say of what these answer; without a gateway around.
 */
import t, { type Test } from 'tap'
import type { OwnCall, OwnRequest } from '../../src/access/own-calls.ts'
import type { Conditions, Visibility } from '../../src/audit/search/records.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import type { Refusal } from '../../src/errors.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { checkSignIn } from '../../src/identity/sign-in.ts'
import { createDecide } from '../../src/policy/decide.ts'
import type { Binding } from '../../src/policy/load/bindings.ts'
import { withGrants } from '../../src/policy/load/rules.ts'
import { createInsightCalls } from '../../src/records/own-calls.ts'
import { createPageTokens } from '../../src/records/page-token.ts'
import type { GatewayState } from '../../src/records/state-view.ts'
import { ACTIONS } from '../../src/vocabulary/actions.ts'
import { loadFrom, principal, WS } from '../policy/support.ts'

const NOW = Date.parse('2026-11-29T12:00:00Z')
const RECORDS = 'AzureMLHarness/records/read'
const POLICIES = {
  'templates/auditor.cedar': `@id("auditor") @reason("audits") @identity("ml-reader")
permit (principal in ?principal, action == Action::"${RECORDS}", resource in ?resource);`,
  'more.cedar': `@id("operators") @reason("operate") @identity("ml-reader")
permit (principal, action == Action::"AzureMLHarness/state/read", resource);`,
  'bindings.yaml': `identities: [ml-reader, ml-writer]
bindings:
  - { id: a, template: auditor, principal: 'Group::"entra/t/auditors"', resource: 'Workspace::"${WS}"' }
`,
}
const FRESH = `@id("fresh") @reason("a fresh sign-in") @stepup("max-age=900")
forbid (principal, action == Action::"${RECORDS}", resource);`

const WELL: GatewayState = {
  readiness: { status: 'ready', version: '1', policyVersion: '2', parts: {} },
  audit: {
    spool: {
      records: 7,
      segments: 1,
      bytes: 10,
      softLimitBytes: 80,
      hardLimitBytes: 100,
      diskFreeBytes: 1_000,
      durability: 'fsync',
    },
    sinks: [],
  },
  issuers: [],
  tokens: [],
  identities: [],
}

interface Given {
  readonly state?: GatewayState
  readonly granted?: readonly Binding[]
}

interface Seen {
  readonly asked: Conditions
  readonly visible: Visibility
}

async function insight(
  t: Test,
  files: Readonly<Record<string, string>>,
  { state = WELL, granted = [] }: Given = {},
) {
  const set = withGrants(await loadFrom(t, files), granted)
  const seen: Seen[] = []
  const answer = {
    rows: [],
    hours: [],
    next: null,
    asOf: NOW,
    from: NOW,
    complete: true,
    faults: [],
  }
  const note = async (asked: Conditions, visible: Visibility) => {
    seen.push({ asked, visible })
    return answer
  }
  const calls = createInsightCalls({
    publicUrl: 'https://gw.example.com',
    records: { kind: 'spool', search: note, count: note },
    pages: createPageTokens(Buffer.alloc(32), () => NOW),
    placeOf: () => null,
    decide: createDecide(set, {
      checkSignIn: (who, requirement) => checkSignIn(who, requirement, NOW),
    }),
    current: () => set,
    callFacts: () => ({}),
    directory: '/nowhere',
    uses: { since: NOW, of: () => null },
    state: () => state,
    now: () => NOW,
  })
  const request: OwnRequest = {
    decision: 'd',
    accept: undefined,
    read: async () => null,
    keep: () => undefined,
    make: async () => null,
    refused: () => null,
  }
  const ask = async (path: string, who: Principal): Promise<unknown> => {
    const call = (await calls(parseTarget('GET', `/_harness/api/${path}`), who, request)) as OwnCall
    return call.answer()
  }
  return { seen, ask }
}

const auditor = (authenticatedAt: number): Principal =>
  principal({
    id: 'entra/t/me',
    groups: ['entra/t/auditors'],
    authenticatedAt,
    issuedAt: NOW / 1_000 - 10,
    challengeable: true,
  })
const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (refusal: Refusal) => refusal.code,
  )

t.test(
  'who may see nobody else’s asks the source for their own, whatever the filters',
  async (t) => {
    const { seen, ask } = await insight(t, POLICIES)
    const me = principal({ id: 'entra/t/me' })
    for (const query of [
      '',
      `?resource=${WS}`,
      '?outcome=refused',
      '?decision=c210ca43-601b-4922-a257-5dfd1c79c77f',
    ])
      for (const path of ['records', 'records/summary']) await ask(`${path}${query}`, me)
    t.equal(seen.length, 8)
    for (const { asked, visible } of seen) {
      t.equal(asked.principal, 'entra/t/me')
      t.match(visible, { own: 'entra/t/me', within: [] })
      t.equal(visible.mayRead(WS), false)
      t.equal(visible.mayRead(null), false)
    }
  },
)

t.test('who may see a workspace asks for no other place', async (t) => {
  const { seen, ask } = await insight(t, POLICIES)
  const fresh = auditor(NOW / 1_000 - 60)
  await ask('records', fresh)
  await ask(`records?resource=${WS}/jobs/x`, fresh)
  await ask(`records?resource=${WS}-other`, fresh)
  t.match(seen[0]?.visible, { within: [WS] })
  t.equal(seen[0]?.visible.mayRead(WS), true)
  t.equal(seen[0]?.visible.mayRead(`${WS}-other`), false)
  t.equal(seen[0]?.visible.mayRead(null), false, 'what is of no place needs the gateway')
  t.match(seen[1]?.visible, { within: [WS] })
  t.match(seen[2], { asked: { principal: 'entra/t/me' }, visible: { within: [] } })
})

t.test('a grant of the template counts while it is held', async (t) => {
  const id = 'aaaaaaaaaaaaaaaa-1'
  const granted: Binding = {
    id,
    template: 'auditor',
    principal: { type: 'Grant', id },
    resource: { type: 'Workspace', id: WS },
    shadow: false,
    from: null,
    until: null,
    reason: null,
    ticket: null,
    requestedBy: null,
    file: '',
    line: 0,
  }
  const { seen, ask } = await insight(t, POLICIES, { granted: [granted] })
  await ask('records', principal({ id: 'entra/t/holder', grants: [id] }))
  await ask('records', principal({ id: 'entra/t/other' }))
  t.match(seen[0]?.visible, { within: [WS] })
  t.equal(seen[0]?.visible.mayRead(WS), true)
  t.match(seen[1], { asked: { principal: 'entra/t/other' }, visible: { within: [] } })
})

t.test(
  'every action that there is can be asked for, by its whole name and without the provider',
  async (t) => {
    const { seen, ask } = await insight(t, POLICIES)
    for (const { name } of ACTIONS) {
      await ask(`records?action=${name}`, principal())
      t.equal(seen.at(-1)?.asked.action, name)
    }
    await ask('records?action=workspaces/jobs/read', principal())
    t.equal(seen.at(-1)?.asked.action, 'Microsoft.MachineLearningServices/workspaces/jobs/read')
  },
)

t.test('a sign-in that is too old is said, and hides nothing silently', async (t) => {
  const { ask } = await insight(t, { ...POLICIES, 'fresh.cedar': FRESH })
  const [fresh, old] = [auditor(NOW / 1_000 - 60), auditor(NOW / 1_000 - 7_200)]
  for (const path of [
    'records',
    'records/summary',
    `records?resource=${WS}`,
    'records?who=entra/t/x',
  ]) {
    t.equal(await codeOf(ask(path, fresh)), 'answered', path)
    t.equal(await codeOf(ask(path, old)), 'insufficient_claims', path)
  }
  t.equal(await codeOf(ask('records?who=me', old)), 'answered', 'own records need none')
  t.equal(
    await codeOf(ask('records', principal())),
    'answered',
    'nor do those who have nothing else',
  )
})

t.test('the state of each part, in words', async (t) => {
  const state: GatewayState = {
    ...WELL,
    readiness: {
      ...WELL.readiness,
      status: 'unready',
      parts: {
        audit: { ok: false, reasons: ['the disk is full'] },
        identity: { ok: true, reasons: ['issuer "okta": keys 5 s old'] },
      },
    },
    audit: {
      spool: { ...WELL.audit.spool, bytes: 90 },
      sinks: [
        { name: 'a', kind: 'https', required: true, state: 'ok', unshipped: 0, waitingSeconds: 0 },
        {
          name: 'b',
          kind: 'https',
          required: true,
          state: 'failing',
          unshipped: 3,
          waitingSeconds: 9,
        },
        {
          name: 'c',
          kind: 'https',
          required: false,
          state: 'held',
          unshipped: 3,
          waitingSeconds: 9,
        },
      ],
    },
    issuers: [
      { name: 'entra', usable: true, keyAgeSeconds: 5, lastFailure: null },
      { name: 'okta', usable: false, keyAgeSeconds: null, lastFailure: 'ECONNREFUSED' },
    ],
    tokens: [
      { identity: 'one', scope: 's', failing: false, usableUntil: NOW },
      { identity: 'two', scope: 's', failing: true, usableUntil: null },
      { identity: 'three', scope: 's', failing: true, usableUntil: NOW },
    ],
    identities: ['one', 'two', 'three', 'four'],
  }
  const { ask } = await insight(t, POLICIES, { state })
  t.match(await ask('state', principal()), {
    status: 'unready',
    says: /takes no new calls/u,
    parts: [{ says: 'does not work: the disk is full' }, { says: /^works, but issuer/u }],
    spool: { says: /90 % .* unready/u },
    sinks: [
      { says: 'works: it has every record' },
      { says: /^fails and is tried again: 3 records/u },
      { says: /^refuses, and only a person .*may miss records$/u },
    ],
    issuers: [
      { says: 'tokens are verified: keys are 5 s old' },
      { says: /^tokens cannot be verified: no keys are held; .*ECONNREFUSED/u },
    ],
    identities: [
      { says: 'has its tokens' },
      { says: /^has no token for s/u },
      { says: /the last attempt to renew one failed/u },
      { says: 'no call has needed it yet' },
    ],
  })
})
