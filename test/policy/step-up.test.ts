import t from 'tap'
import { checkSignIn } from '../../src/identity/sign-in.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { createDecide } from '../../src/policy/decide.ts'
import { readStepUp } from '../../src/policy/effects.ts'
import { faultsOf, loadFrom, operation, principal, writePolicies } from './support.ts'

const NOW = 1_800_000_000
const PERMIT = `@id("all") @reason("all") @identity("ml-writer")
permit (principal, action in [Action::"read", Action::"write", Action::"delete"], resource);`
const forbid = (id: string, stepUp: string, action: string): string =>
  `@id("${id}") @reason("${id} is needed") ${stepUp} forbid (principal, action in Action::"${action}", resource);`
const signedIn = (given: Partial<Principal>): Principal =>
  principal({ challengeable: true, issuedAt: NOW - 100, ...given })

void t.test('values that can be read, and those that cannot', async (test) => {
  test.same(readStepUp('max-age=900'), { maxAgeSeconds: 900 })
  test.same(readStepUp('methods=mfa,hwk'), { methods: ['mfa', 'hwk'] })
  test.same(readStepUp(' methods=mfa  max-age=1 '), { maxAgeSeconds: 1, methods: ['mfa'] })
  for (const text of [
    '',
    'max-age=',
    'max-age=0',
    'max-age=-1',
    'max-age=1e3',
    'max-age=86401',
    'max-age=1 max-age=2',
    'methods=',
    'methods=a,,b',
    'methods=mfa methods=x',
    'methods=m"fa',
    'mfa',
    'max_age=900',
    'max-age=900;methods=mfa',
  ]) {
    test.type(readStepUp(text), 'string', `"${text}"`)
  }
})

void t.test('a requirement that cannot be read or has no meaning does not load', async (test) => {
  const options = await writePolicies(test, {
    'a.cedar': [
      PERMIT.replace('@identity', '@stepup("max-age=1") @identity'),
      forbid('one', '@stepup("soon")', 'delete'),
      forbid('two', '@stepup', 'delete'),
    ].join('\n'),
  })
  const messages = (await faultsOf(options)).map(({ message }) => message)
  test.same(messages, [
    '"@stepup" has no meaning on a permit',
    '"@stepup" cannot be read at "soon"',
    '"@stepup" asks for nothing',
  ])
})

void t.test('what is forbidden until a sign-in', async (test) => {
  const set = await loadFrom(test, {
    'a.cedar': [
      PERMIT,
      forbid('fresh', '@stepup("max-age=900")', 'delete'),
      forbid('fresher', '@stepup("max-age=60")', 'delete'),
      forbid('strong', '@stepup("methods=mfa")', 'delete'),
      forbid('strong-invoke', '@stepup("methods=mfa")', 'invoke'),
      forbid('never', '', 'write'),
      forbid('in-vain', '@stepup("methods=mfa")', 'write'),
    ].join('\n'),
  })
  let now = NOW
  const decide = createDecide(set, {
    checkSignIn: (who, requirement) => checkSignIn(who, requirement, now * 1000),
  })
  const codeOf = (who: Principal, action: string): string => {
    const verdict = decide(who, operation(action), {})
    return verdict.permit === null ? verdict.refusal.code : 'permit'
  }
  const remove = 'workspaces/jobs/delete'

  test.equal(codeOf(signedIn({}), 'workspaces/jobs/read'), 'permit', 'nothing is asked of others')
  const good = signedIn({ authenticatedAt: NOW - 30, methods: ['pwd', 'mfa'] })
  test.equal(codeOf(good, remove), 'permit')
  now += 31
  test.equal(codeOf(good, remove), 'insufficient_claims', 'remembered, and judged again')
  now = NOW

  const verdict = decide(signedIn({ authenticatedAt: NOW - 1000 }), operation(remove), {})
  test.same(verdict.decision.policies, ['fresh', 'fresher', 'strong'])
  test.equal(verdict.decision.verdict, 'refuse')
  const detail = verdict.permit === null ? verdict.refusal.detail : {}
  test.same(detail.policies, ['fresh', 'fresher', 'strong'])
  test.match(JSON.parse(Buffer.from(detail.claims ?? '', 'base64').toString()), {
    access_token: { nbf: { essential: true }, amr: { essential: true, values: ['mfa'] } },
  })
  test.equal(codeOf(signedIn({ challengeable: false }), remove), 'insufficient_scope')
  test.equal(
    codeOf(signedIn({}), 'workspaces/jobs/write'),
    'policy_refused',
    'nobody is sent to sign in for what is forbidden anyway',
  )
  test.equal(
    codeOf(signedIn({}), 'workspaces/jobs/cancel/action'),
    'policy_refused',
    'nor for what nothing permits',
  )
})

void t.test('a decision that a sign-in was asked for says what is known of it', async (test) => {
  const set = await loadFrom(test, {
    'a.cedar': `${PERMIT} ${forbid('fresh', '@stepup("max-age=900")', 'delete')}`,
  })
  const decide = createDecide(set, {
    checkSignIn: (who, requirement) => checkSignIn(who, requirement, NOW * 1000),
  })
  const given = { signInAgeSeconds: 30, tokenAgeSeconds: 5, sourceIp: '127.0.0.1' }
  const who = signedIn({ authenticatedAt: NOW - 30, methods: ['pwd'] })
  const told = { signInAgeSeconds: 30, tokenAgeSeconds: 5, methods: ['pwd'] }
  const remove = operation('workspaces/jobs/delete')
  test.same(decide(who, remove, given).decision.facts, told)
  test.same(decide(who, remove, {}).decision.facts, { methods: ['pwd'] }, 'it is not remembered')
  const old = decide(signedIn({ authenticatedAt: NOW - 1000 }), remove, given)
  test.match(old.decision, { verdict: 'refuse', facts: { signInAgeSeconds: 30 } })
  test.same(decide(who, operation('workspaces/jobs/read'), given).decision.facts, {})
})

void t.test('without a judge of sign-ins such a forbid is one like any other', async (test) => {
  const set = await loadFrom(test, {
    'a.cedar': `${PERMIT} ${forbid('strong', '@stepup("methods=mfa")', 'delete')}`,
  })
  const verdict = createDecide(set)(
    signedIn({ methods: ['mfa'] }),
    operation('workspaces/jobs/delete'),
    {},
  )
  test.match(verdict.permit === null ? verdict.refusal : null, {
    code: 'policy_refused',
    message: 'strong is needed',
    detail: { policies: ['strong'] },
  })
})
