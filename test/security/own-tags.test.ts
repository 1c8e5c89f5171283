/** Tags of the gateway's own: nobody writes, changes or removes one, by whatever route a service takes tags. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const API = '?api-version=2024-04-01'
const ALL = `
@id("all")
@reason("everything here")
@identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action, resource);
`

const VICTIM = 'entra/victim'
const rest = (path: string) => path.replace(/^(\/\w+(?:\/v1\.0|\/v2\.0)?)/, `$1${W}`)
const mlflow = (path: string) =>
  `/mlflow/v1.0${W}/api/2.0/mlflow/${path}`.replace('/api/2.0', '/api/v2.0')

/** Method, path and body of each way to write a tag; `*` stands for the tag's name. */
const WRITES: readonly (readonly [
  method: string,
  path: string,
  body: (name: string) => unknown,
])[] = [
  ['PATCH', `${W}/onlineEndpoints/se${API}`, (name) => ({ tags: { [name]: VICTIM } })],
  ['PATCH', `${W}/batchEndpoints/be${API}`, (name) => ({ tags: { [name]: VICTIM } })],
  ['PATCH', `${W}${API}`, (name) => ({ tags: { [name]: VICTIM } })],
  [
    'PUT',
    `${W}/models/m/versions/1${API}`,
    (name) => ({ properties: { tags: { [name]: VICTIM } } }),
  ],
  ['PUT', `${W}/computes/c${API}`, (name) => ({ properties: {}, tags: { [name]: VICTIM } })],
  ['POST', mlflow('runs/set-tag'), (key) => ({ run_id: 'r1', key, value: VICTIM })],
  ['POST', mlflow('runs/delete-tag'), (key) => ({ run_id: 'r1', key })],
  ['POST', mlflow('runs/log-batch'), (key) => ({ run_id: 'r1', tags: [{ key, value: VICTIM }] })],
  [
    'POST',
    mlflow('runs/create'),
    (key) => ({ experiment_id: '0', tags: [{ key, value: VICTIM }] }),
  ],
  [
    'POST',
    mlflow('experiments/set-experiment-tag'),
    (key) => ({ experiment_id: '0', key, value: 'x' }),
  ],
  ['POST', mlflow('registered-models/set-tag'), (key) => ({ name: 'm', key, value: 'x' })],
  ['DELETE', mlflow('registered-models/delete-tag'), (key) => ({ name: 'm', key })],
  [
    'POST',
    mlflow('registered-models/create'),
    (key) => ({ name: 'm', tags: [{ key, value: 'x' }] }),
  ],
  [
    'POST',
    mlflow('model-versions/set-tag'),
    (key) => ({ name: 'm', version: '1', key, value: 'x' }),
  ],
  ['PATCH', rest('/history/v1.0/runs/r1'), (name) => ({ tags: { [name]: VICTIM } })],
  ['PATCH', rest('/history/v1.0/experiments/e/runs/r1'), (name) => ({ tags: { [name]: VICTIM } })],
  ['DELETE', rest('/history/v1.0/runs/r1/tags'), (name) => [name]],
  [
    'PATCH',
    rest('/history/v1.0/experiments/e/batch/runs'),
    (name) => [{ runId: 'r1', tags: { [name]: 'x' } }],
  ],
  [
    'PATCH',
    rest('/modelregistry/v1.0/models/m:1'),
    (name) => [{ op: 'add', path: `/kvTags/${name}`, value: 'x' }],
  ],
  ['POST', rest('/modelregistry/v1.0/models'), (name) => ({ name: 'm', kvTags: { [name]: 'x' } })],
  [
    'POST',
    rest('/modelmanagement/v1.0/services'),
    (name) => ({ name: 's', kvTags: { [name]: 'x' } }),
  ],
  ['POST', rest('/data/v1.0/datacontainer'), (name) => ({ name: 'd', tags: { [name]: 'x' } })],
  // names that are words of other routes
  ['PATCH', rest('/history/v1.0/runs/metrics'), (name) => ({ tags: { [name]: VICTIM } })],
  ['PATCH', rest('/history/v1.0/experiments/e/runs/batch'), (name) => ({ tags: { [name]: 'x' } })],
  ['POST', rest('/history/v1.0/experiments/spans'), (name) => ({ tags: { [name]: 'x' } })],
  ['PUT', rest('/dataset/v1.0/datasets/d/versions/events'), (name) => ({ tags: { [name]: 'x' } })],
  [
    'PATCH',
    rest('/history/v1.0/experiments/e/runs/r1/tags'),
    (name) => ({ tagsToModify: {}, tagsToDelete: [name] }),
  ],
  [
    'PUT',
    `${W}/jobs/listed${API}`,
    (key) => ({ properties: { jobType: 'Command', tags: [{ key, value: VICTIM }] } }),
  ],
]
const NAMES = [
  'harness.principal',
  'HARNESS.Decision',
  ' harness.other',
  'h\u200barness.x',
  'ｈarness．x',
  'h\u034farness.x',
  'harness\ufe0f.x',
]

t.test('tags of the gateway over the running gateway', async (t) => {
  const own = await ownPolicies({ 'all.cedar': ALL })
  const world = await startGateway({ gateway: { change: own.change } })
  t.teardown(async () => {
    await world.close()
    await own.remove()
  })
  const token = await world.lab.token('reader')
  async function call(method: string, path: string, body: unknown, as = token) {
    await world.clear()
    const text = JSON.stringify(body)
    const headers = {
      authorization: `Bearer ${as}`,
      'content-type': 'application/json',
      // Node gives a DELETE none
      'content-length': String(Buffer.byteLength(text)),
    }
    const answer = await world.send(path, { method, headers, body: text })
    return { answer, changes: world.lab.requests().filter((one) => one.method !== 'GET') }
  }

  await t.test('are refused in every write, and nothing reaches Azure', async (t) => {
    for (const [at, [method, path, body]] of WRITES.entries()) {
      const name = NAMES[at % NAMES.length] ?? ''
      const { answer, changes } = await call(method, path, body(name))
      t.equal(answer.status, 403, `${method} ${path} ${answer.text}`)
      t.match(answer.text, /policy_refused.*sets itself/s, path)
      t.same(changes, [], path)
      const [last] = (await world.settled(answer)).slice(-1)
      t.equal(last?.['RecordKind'], 'refused', path)
    }
  })

  await t.test('any other tag passes by the same routes', async (t) => {
    for (const [method, path, body] of WRITES) {
      const { answer, changes } = await call(method, path, body('team'))
      t.notMatch(answer.text, /policy_refused/, `${method} ${path} ${answer.text}`)
      t.equal(changes.length, 1, path)
    }
  })

  await t.test('a document that was read may be sent again with its stamps', async (t) => {
    const scientist = await world.lab.token('scientist')
    const endpoint = {
      location: 'eastus',
      tags: { a: 'b' },
      properties: { authMode: 'AADToken', publicNetworkAccess: 'Disabled' },
    }
    const path = `${W}/onlineEndpoints/again${API}`
    const made = await call('PUT', path, endpoint, scientist)
    t.ok(made.answer.status < 300, made.answer.text)
    const read = await world.send(path, { headers: { authorization: `Bearer ${token}` } })
    const stamped = read.json() as { tags: Record<string, string> }
    t.ok(stamped.tags['harness.principal'])
    const again = await call('PUT', path, stamped)
    t.ok(again.answer.status < 300, again.answer.text)
    const tags = { ...stamped.tags, 'harness.principal': VICTIM }
    const forged = await call('PUT', path, { ...stamped, tags })
    t.equal(forged.answer.code, 'policy_refused')
    t.same(forged.changes, [])
    const patched = await call('PATCH', path, { tags: { c: 'd' } }, scientist)
    const sent = JSON.parse(String(patched.changes[0]?.body)) as typeof stamped
    t.match(Object.keys(sent.tags), ['c', 'harness.principal', 'harness.decision'])
  })
})
