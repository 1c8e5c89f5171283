/** The state of a review is a function of its documents: random ones, in any order. */
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import t from 'tap'
import type {
  OutcomeDocument,
  RequestDocument,
  UseDocument,
  VerdictDocument,
} from '../../src/approvals/documents.ts'
import { standingOf, type Circumstances, type Review } from '../../src/approvals/state.ts'

const DIGEST = 'a'.repeat(64)
const ID = 'abcdefghijklmnop-1'
const ASKED = 1_000
const DAY = 86_400

const request = (given: Partial<RequestDocument> = {}, rule: object = {}): RequestDocument => ({
  v: 1,
  kind: 'request',
  id: ID,
  subject: DIGEST,
  iss: 'https://gw',
  iat: ASKED,
  exp: ASKED + 7 * DAY,
  author: 'okta/author',
  authors: ['okta/author', 'okta/maker'],
  client: null,
  call: {
    method: 'PUT',
    action: 'x/write',
    effect: 'write',
    resource: { type: 'Model', id: '/m' },
    ancestors: [],
    scope: null,
    target: '/m',
    names: [],
  },
  bodyDigest: null,
  baseDigest: null,
  asks: [
    {
      policy: 'p',
      reason: 'r',
      rule: {
        reviewers: 1,
        from: 'owners',
        requestMs: 7 * DAY * 1_000,
        validMs: DAY * 1_000,
        uses: 1,
        base: 'strict',
        holdMs: 0,
        ...rule,
      },
    },
  ],
  policyVersion: 'v',
  decision: 'd',
  reason: null,
  ticket: null,
  shown: { differences: [], more: 0, lineage: [] },
  shownDigest: DIGEST,
  ...given,
})
const verdict = (given: Partial<VerdictDocument> = {}): VerdictDocument => ({
  v: 1,
  kind: 'verdict',
  id: ID,
  subject: DIGEST,
  shownDigest: DIGEST,
  verdict: 'approve',
  by: 'okta/ann',
  groups: ['Group::a'],
  signInAt: null,
  methods: [],
  iat: ASKED + 10,
  policyVersion: 'v',
  decision: 'd',
  comment: null,
  ticket: null,
  ...given,
})
const use = (n: number, iat = ASKED + 20): UseDocument => ({
  v: 1,
  kind: 'use',
  id: ID,
  subject: DIGEST,
  n,
  by: 'okta/author',
  decision: `d${n}`,
  iat,
})
const outcome = (n: number, end: OutcomeDocument['outcome']): OutcomeDocument => ({
  v: 1,
  kind: 'outcome',
  id: ID,
  n,
  decision: `d${n}`,
  outcome: end,
  upstreamStatus: null,
  iat: ASKED + 30,
})
const review = (given: Partial<Review> = {}): Review => ({
  request: request(),
  verdicts: [],
  uses: [],
  outcomes: [],
  ...given,
})
const circumstances = (given: Partial<Circumstances> = {}): Circumstances => ({
  now: ASKED + 100,
  owners: [{ reviewers: ['Group::a', 'Group::b'], required: 1, each: false }],
  isDenied: () => false,
  ...given,
})
const stateOf = (given: Partial<Review>, at: Partial<Circumstances> = {}) =>
  standingOf(review(given), circumstances(at)).state

t.test('who counts, and until when', async (t) => {
  t.equal(stateOf({}), 'open')
  t.equal(stateOf({}, { now: ASKED + 7 * DAY }), 'expired')
  t.equal(stateOf({ verdicts: [verdict()] }), 'approved')
  const end = ASKED + 10 + DAY
  t.equal(stateOf({ verdicts: [verdict()] }, { now: end - 1 }), 'approved')
  t.equal(stateOf({ verdicts: [verdict()] }, { now: end }), 'expired', 'from the verdict on')
  const voided: readonly [string, Partial<VerdictDocument>][] = [
    ['the author', { by: 'okta/author' }],
    ['who made the model', { by: 'okta/maker' }],
    ['no owner', { groups: ['Group::c'] }],
    ['another change', { subject: 'b'.repeat(64) }],
    ['something else was shown', { shownDigest: 'b'.repeat(64) }],
    ['before the request', { iat: ASKED - 1 }],
    ['after its end', { iat: ASKED + 7 * DAY }],
    ['only a comment', { verdict: 'comment' }],
    ['withdrawn by another', { verdict: 'withdraw' }],
  ]
  for (const [what, given] of voided) t.equal(stateOf({ verdicts: [verdict(given)] }), 'open', what)
  t.equal(stateOf({ verdicts: [verdict()] }, { owners: [] }), 'open', 'nobody owns it')
  const long = `okta/${'x'.repeat(300)}`
  const digested = `sha256:${createHash('sha256').update(long).digest('hex')}`
  const ofLong = { request: request({ authors: ['okta/author', digested] }) }
  t.equal(stateOf({ ...ofLong, verdicts: [verdict({ by: long })] }), 'open', 'told by its digest')
  t.equal(stateOf({ verdicts: [verdict()] }, { isDenied: () => true }), 'open', 'denied since')
  const withdrawn = verdict({ verdict: 'withdraw', by: 'okta/author' })
  t.equal(stateOf({ verdicts: [verdict(), withdrawn] }), 'withdrawn')
  const rejected = { verdicts: [verdict({ verdict: 'reject' }), verdict({ by: 'okta/bob' })] }
  t.equal(stateOf(rejected), 'rejected')
  const others = { reviewers: ['Group::c'], required: 1, each: false }
  t.equal(stateOf(rejected, { owners: [others] }), 'rejected', 'whoever owns it afterwards')
})

t.test('how many, and one of each', async (t) => {
  const both = { reviewers: ['Group::a', 'Group::b'], required: 2, each: true }
  const ann = verdict()
  const bob = verdict({ by: 'okta/bob', iat: ASKED + 50 })
  const cid = verdict({ by: 'okta/cid', groups: ['Group::b'], iat: ASKED + 60 })
  t.equal(stateOf({ verdicts: [ann, ann] }, { owners: [both] }), 'open')
  t.equal(stateOf({ verdicts: [ann, bob] }, { owners: [both] }), 'open', 'two of one group')
  t.equal(stateOf({ verdicts: [ann, cid] }, { owners: [both] }), 'approved')
  const dan = verdict({ by: 'okta/dan', groups: ['Group::a', 'Group::b'], iat: ASKED + 55 })
  const each = { ...both, required: 1 }
  t.equal(stateOf({ verdicts: [dan] }, { owners: [each] }), 'open', 'one person is not two')
  for (const verdicts of [
    [dan, ann],
    [dan, cid],
    [ann, dan],
  ])
    t.equal(stateOf({ verdicts }, { owners: [each] }), 'approved')
  t.equal(
    standingOf(review({ verdicts: [ann, cid] }), circumstances({ owners: [both] })).until,
    ASKED + 60 + DAY,
    'from the verdict that decided',
  )
  const risk = { reviewers: ['Group::b'], required: 1, each: false }
  const parts = [{ ...risk, reviewers: ['Group::a'] }, risk]
  t.equal(stateOf({ verdicts: [ann, bob] }, { owners: parts }), 'open', 'one part is not all')
  t.equal(stateOf({ verdicts: [ann, cid] }, { owners: parts }), 'approved')
  const byPolicy = request({}, { from: 'policy', reviewers: 2 })
  t.equal(stateOf({ request: byPolicy, verdicts: [ann] }, { owners: [] }), 'open')
  t.equal(stateOf({ request: byPolicy, verdicts: [ann, bob] }, { owners: [] }), 'approved')
  const acknowledged = request({ reason: 'because' }, { reviewers: 0 })
  t.equal(stateOf({ request: acknowledged }), 'approved')
  t.equal(stateOf({ request: request({}, { reviewers: 0 }) }), 'open', 'a reason is missing')
})

t.test('uses: once, unless it failed; never without the one before', async (t) => {
  const verdicts = [verdict()]
  t.equal(stateOf({ verdicts, uses: [use(1)] }), 'used')
  t.equal(stateOf({ verdicts, uses: [use(1)], outcomes: [outcome(1, 'unknown')] }), 'used')
  t.equal(stateOf({ verdicts, uses: [use(1)], outcomes: [outcome(1, 'failed')] }), 'approved')
  t.equal(stateOf({ verdicts, outcomes: [outcome(1, 'success')] }), 'damaged')
  t.equal(stateOf({ verdicts, uses: [use(2)] }), 'damaged')
  const uncertain = (end: OutcomeDocument['outcome']) =>
    standingOf(review({ verdicts, uses: [use(1)], outcomes: [outcome(1, end)] }), circumstances())
      .uncertain
  t.same([uncertain('success'), uncertain('unknown')], [false, true])
})

const people = fc.constantFrom('okta/ann', 'okta/bob', 'okta/cid', 'okta/author', 'okta/maker')
const anyVerdict = fc
  .record({
    by: people,
    verdict: fc.oneof(
      { weight: 12, arbitrary: fc.constant('approve' as const) },
      { weight: 1, arbitrary: fc.constantFrom('reject', 'comment', 'withdraw') },
    ),
    groups: fc.subarray(['Group::a', 'Group::b', 'Group::c']),
    iat: fc.integer({ min: ASKED - 5, max: ASKED + 200 }),
  })
  .map(verdict)
const anyReview = fc.record({
  reviewers: fc.integer({ min: 0, max: 3 }),
  verdicts: fc.array(anyVerdict, { maxLength: 8 }),
  uses: fc
    .oneof(
      { weight: 3, arbitrary: fc.constantFrom<number[]>([], [1], [1, 2]) },
      { weight: 1, arbitrary: fc.subarray([1, 2, 3]) },
    )
    .map((all) => all.map((n) => use(n))),
  outcomes: fc
    .array(
      fc.tuple(fc.integer({ min: 1, max: 2 }), fc.constantFrom('success', 'failed', 'unknown')),
    )
    .map((all) => [...new Map(all.map(([n, end]) => [n, outcome(n, end)])).values()]),
  each: fc.boolean(),
  now: fc.integer({ min: ASKED, max: ASKED + 2 * DAY }),
})

t.test('in any order, and no more permitted by less', async (t) => {
  let approved = 0
  fc.assert(
    fc.property(
      anyReview,
      fc.integer(),
      ({ reviewers, verdicts, uses, outcomes, each, now }, seed) => {
        const given = review({
          request: request({}, { reviewers, uses: 2 }),
          verdicts,
          uses,
          outcomes,
        })
        const at = circumstances({
          now,
          owners: [{ reviewers: ['Group::a', 'Group::b'], required: 1, each }],
        })
        const standing = standingOf(given, at)
        const shuffled = <T>(all: readonly T[]): readonly T[] =>
          all.toSorted((one, other) =>
            JSON.stringify([seed, one]) < JSON.stringify([seed, other]) ? -1 : 1,
          )
        const again = standingOf(
          review({
            request: given.request,
            verdicts: shuffled(verdicts).toReversed(),
            uses: uses.toReversed(),
            outcomes: outcomes.toReversed(),
          }),
          at,
        )
        if (JSON.stringify(standing) !== JSON.stringify(again))
          throw new Error('another order, another state')
        if (standing.state !== 'approved') return
        approved++
        const by = new Set(verdicts.map((one) => one.by))
        for (const one of standing.approvers)
          if (!by.has(one) || given.request.authors.includes(one)) throw new Error(`${one} counts`)
        const without = standingOf(review({ ...given, verdicts: [] }), at)
        if (reviewers > 0 && without.state === 'approved') throw new Error('approved by nobody')
      },
    ),
    { numRuns: 2_000 },
  )
  t.ok(approved > 20, `${approved} of them were approved`)
})

t.test(
  'an override lasts an hour, serves once, and is reviewed afterwards or overdue',
  async (t) => {
    const override = verdict({
      verdict: 'override',
      by: 'okta/author',
      ticket: 'INC-1',
      comment: 'c',
    })
    const standing = (given: Partial<Review>, at: Partial<Circumstances> = {}) =>
      standingOf(review(given), circumstances(at))
    const now = { now: ASKED + 10 + 3_599 }
    t.match(standing({ verdicts: [override] }, now), {
      state: 'approved',
      until: ASKED + 10 + 3_600,
      approvers: ['okta/author'],
      override: { afterwards: 'due', due: ASKED + 10 + 3 * DAY },
    })
    t.equal(stateOf({ verdicts: [override] }, { now: ASKED + 10 + 3_600 }), 'open')
    t.equal(stateOf({ verdicts: [override] }, { isDenied: (by) => by === 'okta/author' }), 'open')
    const made = { uses: [use(1)], outcomes: [outcome(1, 'success')] }
    const late = { now: ASKED + 10 + 3 * DAY }
    const afterwards = (more: readonly VerdictDocument[], at = {}) => {
      const { state, override: one } = standing({ ...made, verdicts: [override, ...more] }, at)
      return [state, one?.afterwards]
    }
    t.same(afterwards([]), ['used', 'due'])
    t.same(afterwards([], late), ['used', 'overdue'])
    t.same(afterwards([verdict({ iat: ASKED + 20 * DAY })], { now: ASKED + 21 * DAY }), [
      'used',
      'approved',
    ])
    t.same(afterwards([verdict({ by: 'okta/author', iat: ASKED + 40 })]), ['used', 'due'])
    t.same(afterwards([verdict({ verdict: 'reject', iat: ASKED + 40 })]), ['used', 'rejected'])
    t.equal(
      stateOf({ verdicts: [override], uses: [use(1)], outcomes: [outcome(1, 'failed')] }),
      'approved',
      'a use that failed does not count',
    )
    t.equal(stateOf({ verdicts: [verdict({ verdict: 'reject' }), override] }), 'rejected')
  },
)
