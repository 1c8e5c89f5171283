/** Held calls whose review is not of them any more when their author polls: nothing is made, and it is said why. */
import t from 'tap'
import { IDENTITIES } from '../../lab/personas.ts'
import type { Answer } from '../support/send.ts'
import { RELEASE, startReviewing, V, W, type Reviewing } from './support.ts'

const HELD = RELEASE.replace('valid=1h', 'valid=1h hold=10m')
const ENDPOINT = { location: 'eastus', properties: { authMode: 'AADToken' } }

let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing({ files: { 'release.cedar': HELD } })
})
t.teardown(() => reviewing.close())
t.setTimeout(120_000)

const changes = () => reviewing.world.lab.requests().filter(({ method }) => method !== 'GET')
const pathOf = (name: string): string => `${W}/onlineEndpoints/${name}${V}`
const put = async (name: string, headers = {}): Promise<Answer> =>
  reviewing.call('scientist', 'PUT', pathOf(name), ENDPOINT, headers)
const open = async (): Promise<number> => {
  const answer = await reviewing.call('reviewer', 'GET', '/_harness/api/reviews?state=open')
  return (answer.json() as { value: object[] }).value.length
}

/** Held and approved; how its author polls it. */
async function approved(name: string): Promise<{ id: string; poll: () => Promise<unknown> }> {
  const held = await put(name)
  if (held.status !== 201) throw new Error(held.text)
  const operation = String(held.headers['azure-asyncoperation'])
  const path = operation.slice(reviewing.world.url.length)
  const id = /reviews\/([^/]+)/.exec(path)?.[1] ?? ''
  await reviewing.approve('reviewer', id)
  await reviewing.world.clear()
  return { id, poll: async () => (await reviewing.call('scientist', 'GET', path)).json() }
}

const CHANGED = {
  status: 'Failed',
  error: { code: 'review_changed', message: /not of this change any more.*make the call again/ },
}

t.test('what is there has changed since the approval', async (t) => {
  const { poll } = await approved('changed')
  const [, writer] = IDENTITIES
  if (writer === undefined) throw new Error('there is no such identity')
  const { identities, urls } = reviewing.world.lab
  const token = await identities.mint(writer, 'https://management.azure.com')
  const direct = await fetch(`${urls.upstream}${pathOf('changed')}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...ENDPOINT, tags: { by: 'somebody else' } }),
  })
  t.equal(direct.status, 201)
  await reviewing.world.clear()
  t.match(await poll(), CHANGED)
  t.match(await poll(), CHANGED)
  t.same(changes(), [])
  t.equal(await open(), 0, 'and nobody is asked for another review')
  t.equal((await put('changed')).status, 201, 'made again, it is held for one')
  t.equal(await open(), 1)
})

t.test('policy asks for more reviewers by now', async (t) => {
  const { poll } = await approved('more')
  await reviewing.change({ 'release.cedar': HELD.replace('reviewers=1', 'reviewers=2') })
  t.match(await poll(), CHANGED)
  t.same(changes(), [])
  await reviewing.change({ 'release.cedar': HELD })
})

t.test(
  'policy asks for no review any more: polls do not make it, and its author does',
  async (t) => {
    const { poll } = await approved('none')
    await reviewing.change({ 'release.cedar': null })
    t.match(await poll(), CHANGED)
    t.match(await poll(), CHANGED)
    t.same(changes(), [])
    t.equal((await put('none')).status, 201)
    t.equal(changes().length, 1)
    await reviewing.change({ 'release.cedar': HELD })
  },
)

t.test('a call that names its review is made under no other', async (t) => {
  const { id } = await approved('named')
  const other = await put('named', { 'x-harness-review': 'aaaaaaaaaaaaaaaa-1' })
  t.match([other.status, other.code], [409, 'review_changed'], other.text)
  t.same(changes(), [])
  const made = await put('named', { 'x-harness-review': id })
  t.equal(made.status, 201, made.text)
  t.equal(changes().length, 1)
  t.notMatch(JSON.stringify(changes()[0]?.headers), /x-harness/)
  const again = await put('named', { 'x-harness-review': id })
  t.match([again.status, again.code], [409, 'review_changed'], 'what is there now is what it made')
  t.equal((await put('named', { 'x-harness-review': 'x' })).code, 'bad_header')
  t.equal(changes().length, 1)
})
