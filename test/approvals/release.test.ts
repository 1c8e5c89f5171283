/** A change that needs a review, from the refusal to the one call that the review releases. */
import t from 'tap'
import { reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing()
})
t.teardown(() => reviewing.close())

const MODEL = `${W}/models/fraud/versions/1`
const ENDPOINT = `${W}/onlineEndpoints/fraud-ep`
const changes = () => reviewing.world.lab.requests().filter(({ method }) => method !== 'GET')
const deployment = (model: string, extra: object = {}) => ({
  location: 'eastus',
  sku: { name: 'Default', capacity: 1 },
  properties: { endpointComputeType: 'Managed', model, instanceType: 'Standard_DS3_v2', ...extra },
})
const show = async (persona: string, id: string) =>
  reviewing.call(persona, 'GET', `/_harness/api/reviews/${id}`)
const verdict = async (persona: string, id: string, body: object) =>
  reviewing.call(persona, 'POST', `/_harness/api/reviews/${id}/verdicts`, body)

async function approve(id: string): Promise<void> {
  const { shownDigest } = (await show('reviewer', id)).json() as { shownDigest: string }
  const answer = await verdict('reviewer', id, { verdict: 'approve', shownDigest })
  if (answer.status !== 200) throw new Error(answer.text)
}

/** Makes a call that needs a review, with one. */
async function released(method: string, path: string, body?: object) {
  const { id } = reviewIn(await reviewing.call('scientist', method, path, body))
  await approve(id)
  return reviewing.call('scientist', method, path, body)
}

t.test('refused, reviewed, approved, made once', async (t) => {
  const { call, world } = reviewing
  const endpoint = { location: 'eastus', properties: { authMode: 'AADToken' } }
  t.equal((await released('PUT', `${ENDPOINT}${V}`, endpoint)).status, 201)
  const path = `${ENDPOINT}/deployments/blue${V}`
  const body = deployment(MODEL)
  await world.clear()
  const refused = await call('scientist', 'PUT', path, body)
  t.equal(refused.status, 403, refused.text)
  t.match(refused.json(), { error: { code: 'approval_required' } })
  const { id, url } = reviewIn(refused)
  t.equal(url, `${world.url}/_harness/api/reviews/${id}`)
  t.match(refused.text, `azureml-harness approvals show ${id}`)
  t.same(changes(), [], 'nothing reached Azure')
  t.equal(reviewIn(await call('scientist', 'PUT', path, body)).id, id, 'asked twice, one review')

  const listed = (await call('reviewer', 'GET', '/_harness/api/reviews?to=me')).json() as {
    value: { id: string; state: string }[]
  }
  t.same(
    listed.value.map((one) => [one.id, one.state]),
    [[id, 'open']],
  )
  const shown = (await show('reviewer', id)).json() as {
    shownDigest: string
    mayReview: boolean
    shown: { differences: { at: string; from: string | null; to: string }[] }
  }
  t.equal(shown.mayReview, true)
  t.ok(
    shown.shown.differences.some(
      ({ at, to }) => at === '/properties/model' && to.includes('fraud'),
    ),
    'what would change is shown',
  )

  const own = await verdict('scientist', id, { verdict: 'approve', shownDigest: shown.shownDigest })
  t.equal(own.status, 403, 'the author does not approve')
  const other = await verdict('reviewer', id, { verdict: 'approve', shownDigest: 'f'.repeat(64) })
  t.match([other.status, other.json()], [409, { error: { code: 'review_changed' } }])
  t.equal((await show('reader', id)).status, 404, 'who has no part in it does not see it')
  t.equal((await call('scientist', 'PUT', path, body)).status, 403, 'nobody has approved')

  await approve(id)
  t.same(changes(), [], 'a verdict changes nothing at Azure')
  const another = await call(
    'scientist',
    'PUT',
    path,
    deployment(MODEL, { environmentVariables: { A: '1' } }),
  )
  t.equal(another.status, 403, 'another body')
  t.not(reviewIn(another).id, id, 'is another review')
  const made = await call('scientist', 'PUT', path, body)
  t.ok([200, 201].includes(made.status), made.text)
  t.equal(changes().length, 1)

  const events = (await world.allRecords()).filter((row) => row['ReviewId'] === id)
  const did = (kind: string, action: string) =>
    events.filter((row) => row['RecordKind'] === kind && String(row['Action']).endsWith(action))
  t.equal(did('refused', '/deployments/write').length, 3, 'each refusal names its review')
  t.match(did('authorized', '/reviews/approve'), [{ Body: { verdict: 'approve' } }])
  t.match(did('authorized', '/deployments/write'), [{ Reviewers: [/^entra\//] }])

  const again = await call('scientist', 'PUT', path, body)
  t.equal(again.status, 403, 'the approval is used, and what is there now is another base')
  t.not(reviewIn(again).id, id)
  t.equal(changes().length, 1)
})
