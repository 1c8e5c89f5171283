/**
 * Reviews of access in a bundle: what is late, contradictory, changed, of another period or not carried out.
 */
import t from 'tap'
import { accessReviewOf } from '../../../src/cli/evidence/access-review.ts'
import type { History } from '../../../src/cli/evidence/history.ts'
import type { Binding } from '../../../src/policy/load/bindings.ts'
import { GIVEN, type Given, type ReviewRow } from '../../../src/cli/review/rows.ts'

const period = { from: Date.UTC(2026, 6), to: Date.UTC(2026, 9) }
const now = Date.UTC(2026, 11)
const binding: Binding = {
  id: 'a',
  template: 'reader',
  principal: { type: 'Group', id: 'okta/readers' },
  resource: { type: 'Workspace', id: '/w' },
  shadow: false,
  from: null,
  until: null,
  reason: null,
  ticket: null,
  requestedBy: null,
  file: 'bindings.yaml',
  line: 1,
}
const blank = (name: string): [string, string] => [name, '']
const given = {
  ...(Object.fromEntries(GIVEN.map(blank)) as Readonly<Record<Given, string>>),
  review: '2026Q3',
  due: '2026-10-31T00:00:00.000Z',
  kind: 'binding',
  through: 'a',
  principal: 'Group::"okta/readers"',
}
const keep = {
  decision: 'keep',
  new_until: '',
  decision_reason: 'needed',
  reviewed_by: 'okta/owner',
  reviewed_at: '2026-10-12',
}
const row: ReviewRow = { file: 'r.csv', line: 2, given, written: keep, isWhole: true }

/** A commit of that time that took the binding out. */
function removedAt(time: string): History {
  const commit = { commit: 'c', time, author: 'Ann', subject: 's', version: 'v' }
  return { commits: new Map(), changes: [{ commit, what: 'removed', binding }] }
}

const whats = (rows: readonly ReviewRow[], history: History | null = removedAt('2026-01-01')) =>
  accessReviewOf({ rows, bindings: [binding], history, period, now }).exceptions.map(
    ({ kind, what }) => `${kind}: ${what}`,
  )

t.test('what went as it should is no exception', (t) => {
  t.same(whats([row]), [])
  const remove = { ...row, written: { ...keep, decision: 'remove' } }
  t.same(whats([remove], removedAt('2026-10-20T10:00:00+02:00')), [])
  t.end()
})

t.test('each way in which a review did not go as it should', (t) => {
  const remove = { ...row, written: { ...keep, decision: 'remove' } }
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [whats([]), /^incomplete: it is in no review/],
    [whats([{ ...row, isWhole: false }]), /^incomplete: its row is not what was given out/],
    [
      whats([{ ...row, given: { ...given, review: '2026Q2' } }]),
      /^exception: its review is of another period, 2026Q2/,
    ],
    [whats([{ ...row, written: { ...keep, decision: '' } }]), /^exception: nobody decided/],
    [
      whats([{ ...row, written: { ...keep, reviewed_at: '2026-11-02' } }]),
      /^exception: it was decided at 2026-11-02, due 2026-10-31/,
    ],
    [
      whats(
        [row, { ...row, line: 3, written: { ...keep, decision: 'remove' } }],
        removedAt('2026-10-20'),
      ),
      /^exception: reviewers decided otherwise/,
    ],
    [whats([remove]), /^exception: remove was decided, and no commit did it/],
    [
      whats([remove], removedAt('2026-11-05T00:00:00Z')),
      /^exception: remove was carried out at 2026-11-05T00:00:00Z, due 2026-10-31/,
    ],
    [whats([remove], null), /^incomplete: no repository was given/],
    [
      whats([{ ...row, given: { ...given, used_by: 'okta/x okta/owner' } }]),
      /^exception: okta\/owner decides about access of their own/,
    ],
  ]
  for (const [found, why] of cases) {
    t.equal(found.length, 1, found.join('; '))
    t.match(found[0], why)
  }
  t.end()
})
