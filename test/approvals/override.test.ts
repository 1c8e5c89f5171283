/** A change that somebody lets through before its review: a way of its own, an alarm, and a review afterwards. */
import t from 'tap'
import { reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

const BINDINGS = `
  - id: reviews-on-ws-lab
    template: release-reviewer
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: emergencies
    template: break-glass
    principal: Group::"scientists"
    resource: Workspace::"lab"
`
let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing({
    bindings: BINDINGS,
    change: (config) =>
      config.approvals === undefined
        ? config
        : { ...config, approvals: { ...config.approvals, ticket: '^INC-[0-9]+$' } },
  })
})
t.teardown(() => reviewing.close())
t.setTimeout(120_000)

const endpoint = { location: 'eastus', properties: { authMode: 'AADToken' } }
const make = async (name: string) =>
  reviewing.call('scientist', 'PUT', `${W}/onlineEndpoints/${name}${V}`, endpoint)
const show = async (id: string) =>
  (await reviewing.call('scientist', 'GET', `/_harness/api/reviews/${id}`)).json() as {
    state: string
    shownDigest: string
    override: { afterwards: string } | null
  }
/** As somebody who has just signed in with a second factor, or not. */
const say = async (persona: string, id: string, body: object, fresh = true) => {
  const { world } = reviewing
  const signedIn = Math.floor(Date.now() / 1_000) - (fresh ? 5 : 3_600)
  const claims = { auth_time: signedIn, amr: ['pwd', 'mfa'] }
  const { shownDigest } = await show(id)
  return world.send(`/_harness/api/reviews/${id}/verdicts`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await world.lab.token(persona, { claims })}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ shownDigest, ...body }),
  })
}
const OVERRIDE = { verdict: 'override', comment: 'scoring is down', ticket: 'INC-4711' }

t.test('let through once, on record as an alarm, and reviewed afterwards by others', async (t) => {
  const { id } = reviewIn(await make('broken'))
  t.equal((await say('scientist', id, OVERRIDE)).status, 200)
  t.match(await show(id), { state: 'approved', override: { afterwards: 'due' } })
  t.equal((await make('broken')).status, 201)
  t.match(await show(id), { state: 'used', override: { afterwards: 'due' } })
  t.equal((await make('broken')).status, 403, 'once')

  const due = await reviewing.call('reviewer', 'GET', '/_harness/api/reviews?state=due&to=me')
  t.match(due.json(), { value: [{ id }] })
  const rows = await reviewing.world.allRecords()
  t.match(
    rows.filter((row) => row['Event'] === 'approval_override'),
    [{ Detail: { review: id, ticket: 'INC-4711' } }],
  )
  t.match(
    rows.filter((row) => String(row['Action']).endsWith('/reviews/override')),
    [{ RecordKind: 'authorized' }, { RecordKind: 'completed' }],
  )
  t.equal((await say('scientist', id, { verdict: 'approve' })).status, 403, 'not by who did it')
  t.equal((await say('reviewer', id, { verdict: 'approve' })).status, 200)
  t.match(await show(id), { state: 'used', override: { afterwards: 'approved' } })
  t.equal((await say('reviewer', id, { verdict: 'reject', comment: 'no' })).status, 409, 'decided')
})

t.test('rejected afterwards stays made, and is said', async (t) => {
  const { id } = reviewIn(await make('regretted'))
  t.equal((await say('scientist', id, OVERRIDE)).status, 200)
  t.equal((await make('regretted')).status, 201)
  t.equal((await say('reviewer', id, { verdict: 'reject', comment: 'not so' })).status, 200)
  t.match(await show(id), { state: 'used', override: { afterwards: 'rejected' } })
})

t.test('what an override needs', async (t) => {
  const { id } = reviewIn(await make('calm'))
  t.match((await say('scientist', id, OVERRIDE, false)).json(), {
    error: { code: 'insufficient_scope' },
  })
  t.match((await say('reviewer', id, OVERRIDE)).json(), { error: { code: 'policy_refused' } })
  t.equal((await say('reader', id, OVERRIDE)).status, 404, 'who does not see it')
  for (const body of [
    { ...OVERRIDE, ticket: undefined },
    { ...OVERRIDE, comment: undefined },
    { ...OVERRIDE, ticket: 'soon' },
    { ...OVERRIDE, ticket: 'INC-1 and more' },
    { verdict: 'approve', ticket: 'INC-1' },
  ])
    t.equal((await say('scientist', id, body)).status, 400, JSON.stringify(body))
  t.match(await show(id), { state: 'open', override: null })
  t.equal((await make('calm')).status, 403)
  t.equal((await say('reviewer', id, { verdict: 'reject', comment: 'no' })).status, 200)
  t.equal((await say('scientist', id, OVERRIDE)).status, 409, 'a rejection is final')
})
