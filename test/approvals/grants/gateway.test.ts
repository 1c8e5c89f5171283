/** Grants over a running gateway: asked for, decided, used, ended; and each way in which they are not given. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../../lab/personas.ts'
import { V, W } from '../support.ts'
import { REQUESTS, startGranting, type Granting } from './support.ts'

let granting: Granting
t.before(async () => {
  granting = await startGranting()
})
t.teardown(() => granting.close())
t.setTimeout(240_000)

const JOB = { properties: { jobType: 'Command', command: 'python train.py' } }
const submit = async (persona: string, name: string) =>
  granting.call(persona, 'PUT', `${W}/jobs/${name}${V}`, JOB)

t.test('refused, asked for, approved, permitted, ended', async (t) => {
  const { ask, say, show, api, world } = granting
  t.equal((await submit('reader', 'g-1')).status, 403)
  const id = await ask('reader', { for: '2h', ticket: 'ML-1' })
  t.match(await show('reader', id), {
    state: 'open',
    template: 'data-scientist',
    resource: { type: 'Workspace', id: W.toLowerCase() },
    for: '2h',
    most: '8h',
    reason: 'churn model',
    ticket: 'ML-1',
    reviewers: 1,
    mayApprove: false,
  })
  t.equal(await ask('reader', { for: '2h', ticket: 'ML-1' }), id, 'the same again is the same')
  t.equal((await submit('reader', 'g-1')).status, 403, 'not yet')
  t.match(await show('reviewer', id), { mayApprove: true })
  t.match((await say('reader', id, 'approve')).json(), {
    error: { code: 'policy_refused', message: /their own/ },
  })
  const approved = await say('reviewer', id, 'approve', { comment: 'fine' })
  t.match(approved.json(), { state: 'active', verdicts: [{ verdict: 'approve', comment: 'fine' }] })
  const answer = await submit('reader', 'g-1')
  t.equal(answer.status, 201, answer.text)
  t.match((await world.settled(answer))[0], {
    GrantIds: [id],
    PolicyIds: [`data-scientist@grant:${id}`],
    Decision: 'permit',
  })
  t.match((await world.settled(approved))[0], {
    Action: 'AzureMLHarness/grants/approve',
    GrantIds: [id],
    PolicyIds: ['requests-yaml'],
    Body: { grant: id, verdict: 'approve' },
  })
  const me = (await granting.call('reader', 'GET', '/_harness/whoami')).json() as {
    access: { template: string; until: string | null; through: { type: string; id: string } }[]
  }
  t.match(
    me.access.find(({ template }) => template === 'data-scientist'),
    { through: { type: 'Grant', id }, until: (approved.json() as { until: string }).until },
  )
  t.equal((await submit('outsider', 'g-2')).status, 403, 'nobody else has it')
  const other = `${workspaceId('ws-other')}/jobs/g-3${V}`
  t.equal((await granting.call('reader', 'PUT', other, JOB)).status, 403, 'nor elsewhere')
  t.match((await api('reader', 'GET', '?to=mine')).json(), { value: [{ id, state: 'active' }] })
  t.equal((await say('reader', id, 'end')).status, 200)
  t.equal((await submit('reader', 'g-1')).status, 403, 'ended between two calls')
  t.match((await api('reader', 'GET', '?to=mine')).json(), { value: [] })
  t.match((await api('reader', 'GET', '?to=mine&state=all')).json(), {
    value: [{ state: 'ended' }],
  })
})

t.test('with a reason alone, where the rule says so; and no longer than it says', async (t) => {
  const { api, ask, say, show } = granting
  const path = `${W}/jobs${V}`
  t.equal((await granting.call('outsider', 'GET', path)).status, 403)
  const id = await ask('outsider', { template: 'reader', reason: 'on call' })
  t.match(await show('outsider', id), { state: 'active', for: '30m' })
  t.equal((await granting.call('outsider', 'GET', path)).status, 200)
  const extend = async (length: string) =>
    api('outsider', 'POST', `/${id}/extensions`, { for: length, reason: 'still' })
  t.match((await extend('2h')).json(), {
    error: { code: 'policy_refused', message: /for 2h at most/ },
  })
  const before = Date.parse(String((await show('outsider', id))['until']))
  const extended = await extend('90m')
  t.equal(extended.status, 200, extended.text)
  t.equal(Date.parse((extended.json() as { until: string }).until) - before, 90 * 60_000)
  t.match((await extend('1m')).json(), { error: { code: 'policy_refused' } }, 'not beyond the most')
  t.equal((await say('outsider', id, 'end')).status, 200)
  t.match((await extend('1m')).json(), { error: { code: 'review_changed' } })
  t.equal((await granting.call('outsider', 'GET', path)).status, 403)
})

t.test('two of two; an extension waits for them, too; a denial is final', async (t) => {
  const { api, ask, say, show } = granting
  const id = await ask('reader', { template: 'ml-engineer', for: '10m' })
  t.match((await say('reviewer', id, 'approve')).json(), { state: 'open' })
  t.match((await say('reviewer', id, 'approve')).json(), { state: 'open' }, 'the same person')
  t.match((await say('scientist', id, 'approve')).json(), { state: 'active' })
  const extended = await api('reader', 'POST', `/${id}/extensions`, { for: '10m', reason: 'more' })
  t.match(extended.json(), { state: 'active', extension: '10m' })
  t.match(
    (await api('reader', 'POST', `/${id}/extensions`, { for: '1m', reason: 'more' })).json(),
    { error: { code: 'review_changed', message: /waits for a verdict/ } },
  )
  const { until } = await show('reader', id)
  t.equal((await say('reviewer', id, 'approve')).status, 200)
  t.match((await say('scientist', id, 'deny', { comment: 'enough' })).json(), {
    state: 'active',
    extension: null,
    until,
  })
  t.equal((await say('reader', id, 'end')).status, 200)
  const again = await ask('reader', { template: 'ml-engineer', for: '10m' })
  t.not(again, id)
  t.match((await say('reviewer', again, 'deny')).json(), { state: 'denied' })
  t.match((await say('scientist', again, 'approve')).json(), { error: { code: 'review_changed' } })
})

t.test('an approver gives it to somebody, and never to themselves', async (t) => {
  const { api, ask, show, say } = granting
  const me = (await granting.call('reader', 'GET', '/_harness/whoami')).json() as {
    principal: { id: string }
  }
  const to = `User::"${me.principal.id}"`
  const id = await ask('reviewer', { to, for: '1h' })
  t.match(await show('reader', id), { state: 'active', approvedBy: [/^entra/] })
  t.equal((await submit('reader', 'given-1')).status, 201)
  t.equal((await say('reviewer', id, 'end')).status, 200, 'and takes it back')
  t.equal((await submit('reader', 'given-2')).status, 403)
  const given = async (persona: string, more: object) =>
    api(persona, 'POST', '', { template: 'data-scientist', resource: W, reason: 'x', ...more })
  t.match((await given('scientist', { to })).json(), {
    error: { code: 'policy_refused', message: /you do not approve "data-scientist" there/ },
  })
  t.match((await given('reviewer', { to, template: 'reader' })).json(), {
    error: { code: 'policy_refused' },
  })
  const self = (await granting.call('reviewer', 'GET', '/_harness/whoami')).json() as {
    principal: { id: string }
  }
  t.match((await given('reviewer', { to: `User::"${self.principal.id}"` })).json(), {
    error: { code: 'policy_refused', message: /to nobody themselves/ },
  })
  t.match((await given('service', { to })).json(), { error: { code: 'policy_refused' } })
})

t.test('what is not offered, not sound or not there is refused by name', async (t) => {
  const { api, ask } = granting
  const post = async (persona: string, body: object) =>
    (await api(persona, 'POST', '', body)).json()
  const whole = { template: 'data-scientist', resource: W, reason: 'x' }
  const bad: readonly [object, RegExp][] = [
    [{}, /either "refusal", or "template"/],
    [{ ...whole, refusal: 'x' }, /either "refusal", or "template"/],
    [{ template: 'reader', reason: 'x' }, /no "resource"/],
    [{ ...whole, reason: undefined }, /no "reason"/],
    [{ ...whole, reason: ' ' }, /"reason" that is no line/],
    [{ ...whole, reason: 'a\nb' }, /"reason" that is no line/],
    [{ ...whole, for: '8 hours' }, /"for" that is no time/],
    [{ ...whole, for: '0h' }, /"for" that is no time/],
    [{ ...whole, for: 8 }, /"for" that is no line/],
    [{ ...whole, ticket: 'a b' }, /"ticket"/],
    [{ ...whole, to: 'Group::"okta/ml-readers"' }, /"to" that is no person/],
    [{ ...whole, more: 1 }, /a member that is none of its own/],
    [{ ...whole, resource: `${W}/jobs/j` }, /no place to have access to/],
    [{ ...whole, resource: '/subscriptions/../x' }, /no place to have access to/],
    [{ ...whole, resource: 'nowhere' }, /no place to have access to/],
  ]
  for (const [body, message] of bad)
    t.match(await post('reader', body), { error: { code: 'bad_body', message } }, String(message))
  const refused: readonly [string, object, RegExp][] = [
    ['outsider', whole, /nobody offers you "data-scientist" there/],
    ['reader', { ...whole, template: 'workspace-admin' }, /nobody offers you/],
    ['reader', { ...whole, template: 'no-such-role' }, /nobody offers you/],
    ['reader', { ...whole, for: '9h' }, /for 8h at most/],
    ['reader', { ...whole, resource: workspaceId('ws-other') }, /nobody offers you/],
    ['reader', { ...whole, resource: W.split('/').slice(0, 3).join('/') }, /nobody offers you/],
    ['cluster', { ...whole, template: 'reader' }, /for people and services/],
  ]
  for (const [persona, body, message] of refused)
    t.match(await post(persona, body), { error: { code: 'policy_refused', message } })
  t.equal((await api('reader', 'POST', '', { ...whole, resource: 'lab' })).status, 200, 'by name')
  const id = await ask('reader', { resource: 'lab', reason: 'x' })
  t.match(await post('reader', { ...whole, for: '2h' }), { error: { code: 'review_changed' } })
  t.equal((await api('outsider', 'GET', `/${id}`)).status, 404, 'not theirs to see')
  t.equal((await api('reader', 'GET', '/aaaaaaaaaaaaaaaa-1')).status, 404)
  t.equal((await api('reader', 'GET', '/no-id')).status, 404)
  t.equal((await api('reader', 'DELETE', `/${id}`)).status, 405)
  t.equal((await api('reader', 'PUT', '', whole)).status, 405)
  t.equal((await api('reader', 'GET', `/${id}/verdicts`)).status, 405)
  t.equal((await api('reader', 'GET', `/${id}/more`)).status, 404)
  t.equal((await api('reader', 'GET', '?state=old')).status, 400)
  t.equal((await api('reader', 'GET', '?to=all-of-them')).status, 400)
  const say = async (body: object) =>
    (await api('reviewer', 'POST', `/${id}/verdicts`, body)).json()
  t.match(await say({ verdict: 'reject' }), { error: { code: 'bad_body' } })
  t.match(await say({ verdict: 'approve' }), { error: { code: 'review_changed' } })
  t.match(await say({ verdict: 'approve', shownDigest: 'b'.repeat(64) }), {
    error: { code: 'review_changed', message: /something else/ },
  })
  t.match(await say({ verdict: 'approve', n: 1 }), { error: { code: 'bad_body' } })
  const extend = async (body: object) =>
    (await api('reader', 'POST', `/${id}/extensions`, body)).json()
  t.match(await extend({ for: '1h' }), { error: { code: 'bad_body', message: /no "reason"/ } })
  t.match(await extend({ reason: 'x' }), { error: { code: 'bad_body', message: /no "for"/ } })
  t.match(await extend({ for: '1h', reason: 'x' }), { error: { code: 'review_changed' } })
  t.equal((await granting.world.send(`/_harness/api/grants/${id}`)).status, 401)
})

t.test(
  'void once its rule is another, while the gateway runs; forged it never counts',
  async (t) => {
    const { ask, say, show, change, ledger } = granting
    const id = await ask('reader', { resource: 'lab', reason: 'x' })
    t.equal((await say('reviewer', id, 'approve')).status, 200)
    t.equal((await submit('reader', 'v-1')).status, 201)
    await change({ 'requests.yaml': REQUESTS.replace('max: 8h', 'max: 4h') })
    t.equal((await submit('reader', 'v-2')).status, 403)
    t.match(await show('reader', id), { state: 'void', void: /its rule in requests.yaml/ })
    await change({ 'requests.yaml': REQUESTS })
    t.equal((await submit('reader', 'v-2')).status, 201)
    const template = await readFile(
      join(granting.policies, 'templates', 'data-scientist.cedar'),
      'utf8',
    )
    await change({ 'templates/data-scientist.cedar': `${template}\n// changed` })
    t.equal((await submit('reader', 'v-3')).status, 201, 'what follows the policy is no part of it')
    await change({ 'templates/data-scientist.cedar': template.replace('@stamp\n', '') })
    t.equal((await submit('reader', 'v-3')).status, 403, 'its template has changed')
    await change({ 'templates/data-scientist.cedar': template })
    t.equal((await submit('reader', 'v-5')).status, 201)
    t.equal((await say('reader', id, 'end')).status, 200)

    const next = await ask('reader', { resource: 'lab', reason: 'x' })
    const folder = join(ledger, 'g', next)
    const [name = ''] = await readdir(folder)
    const text = await readFile(join(folder, name), 'utf8')
    await writeFile(join(folder, '1-0123456789abcdef.jws'), text)
    t.match(await show('reader', next), { state: 'open', verdicts: [] })
    t.equal((await submit('reader', 'v-4')).status, 403)
  },
)
