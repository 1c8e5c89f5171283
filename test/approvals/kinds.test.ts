/** Each kind of operation that releases something needs its review where a policy names it, and is made after one. */
import t from 'tap'
import { reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

const P = 'Microsoft.MachineLearningServices/workspaces'
const NAMED = [
  'batchEndpoints/write',
  'batchEndpoints/deployments/write',
  'onlineEndpoints/write',
  'onlineEndpoints/deployments/write',
  'schedules/write',
]
const RULE = `
@id("review")
@reason("what runs by itself or serves is released after a review")
@approval("reviewers=1")
forbid (
  principal,
  action in [${NAMED.map((name) => `Action::"${P}/${name}"`).join(', ')}],
  resource
);`

let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing({ files: { 'release.cedar': RULE } })
})
t.teardown(() => reviewing.close())
t.setTimeout(120_000)

const B = { location: 'eastus', properties: {} }
const CALLS: readonly (readonly [kind: string, method: string, path: string, body: object])[] = [
  ['a batch endpoint', 'PUT', 'batchEndpoints/b', B],
  [
    'its default',
    'PATCH',
    'batchEndpoints/b',
    { properties: { defaults: { deploymentName: 'd' } } },
  ],
  ['a batch deployment', 'PUT', 'batchEndpoints/b/deployments/d', B],
  [
    'an online endpoint',
    'PUT',
    'onlineEndpoints/o',
    { ...B, properties: { authMode: 'AADToken' } },
  ],
  [
    'its traffic',
    'PUT',
    'onlineEndpoints/o',
    { ...B, properties: { authMode: 'AADToken', traffic: { d: 100 } } },
  ],
  ['an online deployment', 'PUT', 'onlineEndpoints/o/deployments/d', B],
  ['a schedule', 'PUT', 'schedules/nightly', { properties: { isEnabled: true } }],
]
for (const [kind, method, path, body] of CALLS) {
  t.test(`${kind}: ${method} ${path}`, async (t) => {
    const { call, approve, world } = reviewing
    const send = async () => call('scientist', method, `${W}/${path}${V}`, body)
    await world.clear()
    const refused = await send()
    const { id } = reviewIn(refused)
    t.notOk(
      world.lab.requests().some((one) => one.method === method),
      'it is not made',
    )
    t.equal((await approve('reviewer', id)).status, 200)
    const made = await send()
    t.ok(made.status >= 200 && made.status < 300, made.text)
    t.ok(
      world.lab.requests().some((one) => one.method === method),
      'and then it is',
    )
  })
}
