/** The state of a grant is a function of its documents: given ones, and random ones in any order. */
import * as fc from 'fast-check'
import t from 'tap'
import {
  shownDigestOf,
  type GrantExtension,
  type GrantVerdict,
} from '../../../src/approvals/grants/documents.ts'
import {
  standingOfGrant,
  type Grant,
  type GrantCircumstances,
} from '../../../src/approvals/grants/state.ts'
import { ASKED, ASKER, DAY, extension, HOUR, request, terms, verdict } from './documents.ts'

const grant = (given: Partial<Grant> = {}): Grant => ({
  request: request(),
  extensions: [],
  verdicts: [],
  ...given,
})
const at = (now: number, isDenied: (id: string) => boolean = () => false): GrantCircumstances => ({
  now,
  isDenied,
})
const standing = (given: Partial<Grant>, now = ASKED + 100) =>
  standingOfGrant(grant(given), at(now))
const stateOf = (given: Partial<Grant>, now = ASKED + 100) => standing(given, now).state
const verdicts = [verdict()]
const END = ASKED + 60 + HOUR
const LATER = ASKED + 800

t.test('from its request to its end', async (t) => {
  t.match(standing({}), { state: 'open', until: ASKED + 7 * DAY })
  t.equal(stateOf({}, ASKED + 7 * DAY), 'expired')
  t.match(standing({ verdicts }), { state: 'active', since: ASKED + 60, until: END })
  t.equal(stateOf({ verdicts }, END - 1), 'active', 'from the approval on')
  t.equal(stateOf({ verdicts }, END), 'expired')
  t.equal(stateOf({ verdicts: [...verdicts, verdict({ verdict: 'end', by: ASKER })] }), 'ended')
  t.equal(stateOf({ verdicts: [verdict({ verdict: 'end', by: ASKER })] }), 'ended')
  t.equal(stateOf({ verdicts: [verdict({ verdict: 'deny' })] }), 'denied')
  const late = verdict({ verdict: 'deny', by: 'okta/bob', iat: ASKED + 61 })
  t.equal(stateOf({ verdicts: [...verdicts, late] }), 'active', 'what was approved is ended')
  const same = verdict({ verdict: 'deny', by: 'okta/bob' })
  t.equal(stateOf({ verdicts: [...verdicts, same] }), 'denied', 'at the same second')
})

t.test('whose approval counts', async (t) => {
  const voided: readonly [string, Partial<GrantVerdict>][] = [
    ['the grantee', { by: ASKER }],
    ['no approver', { groups: ['Group::others'] }],
    ['nobody at all', { groups: [] }],
    ['of another grant', { id: 'ponmlkjihgfedcba-1' }],
    ['of what was shown otherwise', { shown: 'b'.repeat(64) }],
    ['of an extension', { n: 1 }],
    ['long before the request', { iat: ASKED - 301 }],
    ['after it had waited', { iat: ASKED + 7 * DAY }],
  ]
  for (const [what, given] of voided) t.equal(stateOf({ verdicts: [verdict(given)] }), 'open', what)
  t.equal(
    standingOfGrant(
      grant({ verdicts }),
      at(ASKED + 100, (id) => id === 'okta/ann'),
    ).state,
    'open',
    'whoever approved is on the deny list since',
  )
  const two = request({ terms: terms({ reviewers: 2 }) })
  const ann = verdict({}, two)
  const again = verdict({ iat: ASKED + 70 }, two)
  const bob = verdict({ by: 'okta/bob', iat: ASKED + 80 }, two)
  t.match(standing({ request: two, verdicts: [ann, again] }), { state: 'open' })
  t.match(standing({ request: two, verdicts: [bob, ann] }), {
    state: 'active',
    since: ASKED + 80,
    approvers: ['okta/ann', 'okta/bob'],
  })
})

t.test('without approvers a reason is enough, of the grantee alone', async (t) => {
  const own = request({ terms: terms({ reviewers: 0, approvers: [] }) })
  t.match(standing({ request: own }), { state: 'active', since: ASKED, until: ASKED + HOUR })
  t.equal(stateOf({ request: { ...own, by: 'okta/ann', groups: ['Group::approvers'] } }), 'open')
})

t.test('an approver gives it to somebody else by asking', async (t) => {
  const given = request({ by: 'okta/ann', groups: ['Group::approvers'] })
  t.match(standing({ request: given }), { state: 'active', since: ASKED, approvers: ['okta/ann'] })
  const two = { ...given, terms: terms({ reviewers: 2 }) }
  t.equal(stateOf({ request: two }), 'open')
  t.equal(stateOf({ request: two, verdicts: [verdict({}, two)] }), 'open', 'the same person')
  const bob = verdict({ by: 'okta/bob' }, two)
  t.equal(stateOf({ request: two, verdicts: [bob] }), 'active')
  t.equal(stateOf({ request: { ...given, groups: ['Group::others'] } }), 'open')
  const own = { ...given, grantee: { type: 'User', id: 'okta/ann' } }
  t.equal(stateOf({ request: own }), 'open', 'to nobody themselves')
})

t.test('an extension counts once it is approved, and never beyond the most', async (t) => {
  const one = extension(1)
  const extensions = [one]
  t.match(standing({ verdicts, extensions }, LATER), { until: END, pending: { n: 1 } })
  const yes = verdict({ iat: ASKED + 700 }, request(), one)
  t.match(standing({ verdicts: [...verdicts, yes], extensions }, LATER), {
    until: END + HOUR,
    pending: null,
  })
  const no = verdict({ verdict: 'deny', iat: ASKED + 700 }, request(), one)
  t.match(standing({ verdicts: [...verdicts, no], extensions }, LATER), {
    state: 'active',
    until: END,
    pending: null,
  })
  const late = verdict({ iat: END }, request(), one)
  t.equal(stateOf({ verdicts: [...verdicts, late], extensions }, END + 1), 'expired', 'too late')
  t.equal(
    stateOf({ verdicts, extensions: [extension(2)] }, LATER),
    'damaged',
    'the first is missing',
  )
  const foreign = extension(1, { shown: 'b'.repeat(64) })
  t.match(standing({ verdicts, extensions: [foreign] }, LATER), { until: END, pending: null })
  const long = extension(1, { seconds: 100 * HOUR, by: 'okta/ann', groups: ['Group::approvers'] })
  t.match(standing({ verdicts, extensions: [long] }, LATER), { until: ASKED + 60 + 8 * HOUR })
  const own = request({ terms: terms({ reviewers: 0, approvers: [] }) })
  const more = extension(1, {}, own)
  t.match(standing({ request: own, extensions: [more] }, LATER), { until: ASKED + 2 * HOUR })
  const after = extension(1, { iat: ASKED + HOUR }, own)
  t.equal(stateOf({ request: own, extensions: [after] }, ASKED + HOUR), 'expired')
})

t.test("other replicas' clocks may be five minutes off", async (t) => {
  t.equal(stateOf({ verdicts: [verdict({ iat: ASKED + 400 })] }, ASKED + 100), 'active')
  t.equal(stateOf({ verdicts: [verdict({ iat: ASKED + 401 })] }, ASKED + 100), 'open')
  const behind = verdict({ iat: ASKED - 300 })
  t.match(standing({ verdicts: [behind] }), { state: 'active', since: ASKED })
  const own = request({ terms: terms({ reviewers: 0, approvers: [] }), iat: ASKED + 401 })
  t.equal(stateOf({ request: own }, ASKED + 100), 'open')
})

const people = fc.constantFrom('okta/ann', 'okta/bob', 'okta/cid', ASKER)
const groups = fc.subarray(['Group::approvers', 'Group::others'])
const anyIat = fc.integer({ min: ASKED - 400, max: ASKED + 3 * HOUR })
const anyExtension = (n: number) =>
  fc
    .record({ by: people, groups, iat: anyIat, seconds: fc.integer({ min: 1, max: 5 * HOUR }) })
    .map((given): GrantExtension => extension(n, given))
const anyGrant = fc
  .record({
    reviewers: fc.integer({ min: 0, max: 2 }),
    by: people,
    groups,
    extensions: fc.oneof(
      { weight: 4, arbitrary: fc.tuple(anyExtension(1), anyExtension(2)) },
      { weight: 1, arbitrary: fc.tuple(anyExtension(2)) },
      { weight: 2, arbitrary: fc.constant<GrantExtension[]>([]) },
    ),
    said: fc.array(
      fc.record({
        by: people,
        groups,
        iat: anyIat,
        n: fc.integer({ min: 0, max: 2 }),
        verdict: fc.oneof(
          { weight: 9, arbitrary: fc.constant('approve' as const) },
          { weight: 1, arbitrary: fc.constantFrom('deny' as const, 'end' as const) },
        ),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ reviewers, extensions, said, ...asked }): Grant => {
    const of = request({ ...asked, terms: terms({ reviewers }) })
    const own = extensions.map((one) => ({ ...one, shown: shownDigestOf(of, null) }))
    return {
      request: of,
      extensions: own,
      verdicts: said.map(({ n, verdict: word, ...more }) => {
        const about = own.find((one) => one.n === n) ?? null
        return verdict({ ...more, verdict: word, n }, of, n === 0 ? null : about)
      }),
    }
  })
const anyNow = fc.integer({ min: ASKED, max: ASKED + 12 * HOUR })

t.test('any documents in any order: one state, never the own word, never too long', async (t) => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(anyGrant, anyNow, fc.nat(), (one, now, turn) => {
      const found = standingOfGrant(one, at(now))
      seen.add(found.state)
      const turned = <T>(list: readonly T[]): T[] => {
        const k = list.length === 0 ? 0 : turn % list.length
        return [...list.slice(k), ...list.slice(0, k)].toReversed()
      }
      const other = { ...one, verdicts: turned(one.verdicts), extensions: turned(one.extensions) }
      t.same(standingOfGrant(other, at(now)), found)
      const twice = { ...one, verdicts: [...one.verdicts, ...one.verdicts] }
      t.same(standingOfGrant(twice, at(now)), found, 'twice is once')
      if (found.state !== 'active') return
      const { reviewers, most } = one.request.terms
      const until = found.until ?? Infinity
      const since = found.since ?? 0
      if (until > since + most || now >= until) throw new Error('it lasts for too long')
      if (one.verdicts.some((verdict) => verdict.verdict === 'end')) throw new Error('it was ended')
      const approvers = new Set(
        [one.request, ...one.verdicts.filter((verdict) => verdict.verdict === 'approve')]
          .filter(({ by, groups: own }) => by !== ASKER && own.includes('Group::approvers'))
          .map(({ by }) => by),
      )
      if (approvers.size < reviewers) throw new Error('too few approved')
    }),
    { numRuns: 2_000 },
  )
  t.ok(
    ['open', 'active', 'denied', 'ended', 'expired', 'damaged'].every((state) => seen.has(state)),
  )
})
