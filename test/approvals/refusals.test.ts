/** What does not release a change: another base, another author, other owners, a forged document, a ledger that fails. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { spawnGateway } from '../../lab/gateway/gateway.ts'
import { PERSONAS, TENANT } from '../../lab/personas.ts'
import type { RequestDocument } from '../../src/approvals/documents.ts'
import { createSignatures } from '../../src/approvals/signatures.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/send.ts'
import { OWNERS, RELEASE, reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

const RBAC = 'Microsoft.MachineLearningServices/workspaces'
const CANCEL = `
@id("cancel-needs-review")
@reason("jobs are cancelled by two")
@approval("reviewers=1 uses=2 base=any")
forbid (principal, action == Action::"${RBAC}/jobs/cancel/action", resource);
@id("stage-needs-review")
@reason("stages are set by owners")
@approval("reviewers=1")
forbid (principal, action == Action::"${RBAC}/models/versions/write", resource)
when { context has tags && context.tags.contains("stage=production") };
`
const BINDINGS = `
  - id: reviews-on-ws-lab
    template: release-reviewer
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: reviewers-write-jobs
    template: data-scientist
    principal: Group::"reviewers"
    resource: Workspace::"lab"
`

let reviewing: Reviewing
let call: Reviewing['call']
t.before(async () => {
  reviewing = await startReviewing({
    files: { 'release.cedar': `${RELEASE}${CANCEL}` },
    bindings: BINDINGS,
  })
  call = reviewing.call
})
t.teardown(() => reviewing.close())
t.setTimeout(120_000)

const changes = () => reviewing.world.lab.requests().filter(({ method }) => method !== 'GET')
const codeOf = (answer: { json(): unknown }): string | undefined =>
  (answer.json() as { error?: { code?: string } }).error?.code
const endpoint = (tags: object = {}) => ({
  location: 'eastus',
  tags,
  properties: { authMode: 'AADToken' },
})

async function released(method: string, path: string, body?: object) {
  const { id } = reviewIn(await call('scientist', method, path, body))
  const approved = await reviewing.approve('reviewer', id)
  if (approved.status !== 200) throw new Error(approved.text)
  return call('scientist', method, path, body)
}

t.test('what is there now changed after the approval', async (t) => {
  const path = `${W}/onlineEndpoints/base${V}`
  t.equal((await released('PUT', path, endpoint())).status, 201)
  const { id } = reviewIn(await call('scientist', 'PUT', path, endpoint({ a: '1' })))
  await reviewing.approve('reviewer', id)
  // another change, with a review of its own, is made in between
  t.ok((await released('PUT', path, endpoint({ b: '2' }))).status < 300)
  const late = await call('scientist', 'PUT', path, endpoint({ a: '1' }))
  t.equal(codeOf(late), 'approval_required')
  t.not(reviewIn(late).id, id)
})

t.test('who made the model does not review its release', async (t) => {
  const job = {
    properties: {
      jobType: 'Command',
      command: 'python train.py',
      environmentId: `${W}/environments/e/versions/1`,
      experimentName: 'x',
    },
  }
  t.equal((await call('reviewer', 'PUT', `${W}/jobs/by-reviewer${V}`, job)).status, 201)
  const model = {
    properties: { modelUri: 'azureml://jobs/by-reviewer/outputs/m', jobName: 'by-reviewer' },
  }
  t.equal((await call('scientist', 'PUT', `${W}/models/risk/versions/1${V}`, model)).status, 201)
  const path = `${W}/onlineEndpoints/base/deployments/blue${V}`
  const body = {
    location: 'eastus',
    properties: { model: `${W}/models/risk/versions/1`, endpointComputeType: 'Managed' },
  }
  const { id } = reviewIn(await call('scientist', 'PUT', path, body))
  const shown = (await call('scientist', 'GET', `/_harness/api/reviews/${id}`)).json() as {
    authors: string[]
    shown: { lineage: { job: string; jobAuthor: string }[] }
    shownDigest: string
  }
  const reviewer = PERSONAS.get('reviewer')
  const author = reviewer?.kind === 'entra-user' ? `entra/${TENANT}/${reviewer.oid}` : ''
  t.equal(shown.shown.lineage[0]?.job, 'by-reviewer')
  t.ok(shown.authors.includes(author))
  const denied = await call('reviewer', 'POST', `/_harness/api/reviews/${id}/verdicts`, {
    verdict: 'approve',
    shownDigest: shown.shownDigest,
  })
  t.equal(codeOf(denied), 'policy_refused')
  t.equal(codeOf(await call('scientist', 'PUT', path, body)), 'approval_required')
})

t.test('a rejection is final, and its words reach the author', async (t) => {
  const path = `${W}/onlineEndpoints/rejected${V}`
  const { id } = reviewIn(await call('scientist', 'PUT', path, endpoint()))
  const { shownDigest } = (await call('reviewer', 'GET', `/_harness/api/reviews/${id}`)).json() as {
    shownDigest: string
  }
  const say = async (verdict: string) =>
    call('reviewer', 'POST', `/_harness/api/reviews/${id}/verdicts`, {
      verdict,
      shownDigest,
      comment: 'not before the audit',
    })
  t.equal((await say('reject')).status, 200)
  t.equal(codeOf(await say('approve')), 'review_changed')
  const answer = await call('scientist', 'PUT', path, endpoint())
  t.equal(codeOf(answer), 'approval_rejected')
  t.match(answer.text, 'not before the audit')
})

t.test('a use that Azure refused does not count; a use counts once', async (t) => {
  const path = `${W}/jobs/nowhere/cancel${V}`
  const { id } = reviewIn(await call('scientist', 'POST', path))
  await reviewing.approve('reviewer', id)
  for (let times = 0; times < 3; times++)
    t.equal((await call('scientist', 'POST', path)).status, 404, 'Azure has no such job')
  await eventually('the outcomes are there', async () => {
    const outcomes = await readdir(join(reviewing.ledger, 'o', id)).catch(() => [])
    return outcomes.length === 3
  })
  await t.test('and none of them can be taken away unnoticed', async (t) => {
    await rm(join(reviewing.ledger, 'u', id, '2.jws'))
    await reviewing.world.clear()
    const answer = await call('scientist', 'POST', path)
    t.equal(codeOf(answer), 'approvals_unavailable')
    t.same(changes(), [])
  })
})

t.test('documents that the gateway has not signed do not count', async (t) => {
  const path = `${W}/jobs/forged/cancel${V}`
  const { id } = reviewIn(await call('scientist', 'POST', path))
  t.equal((await reviewing.approve('reviewer', id)).status, 200)
  const folder = join(reviewing.ledger, 'v', id)
  const [name = ''] = await readdir(folder)
  const text = await readFile(join(folder, name), 'utf8')
  const jws = JSON.parse(text) as { payload: string; protected: string; signature: string }
  const payload = Buffer.from(jws.payload, 'base64url').toString()
  const forged = {
    ...jws,
    payload: Buffer.from(payload.replace('approve', 'approve ')).toString('base64url'),
  }
  for (const other of [
    JSON.stringify(forged),
    '{}',
    'x',
    text.slice(0, -9),
    `${text} `.repeat(2),
  ]) {
    await writeFile(join(folder, name), other)
    t.equal(codeOf(await call('scientist', 'POST', path)), 'approval_required')
  }
  // a good document in the place of another review's
  const other = reviewIn(await call('scientist', 'POST', `${W}/jobs/other/cancel${V}`)).id
  await writeFile(join(folder, name), text)
  await rename(folder, join(reviewing.ledger, 'v', other))
  t.equal(
    codeOf(await call('scientist', 'POST', `${W}/jobs/other/cancel${V}`)),
    'approval_required',
  )
})

t.test('a call that only asks is not made, whatever policy says', async (t) => {
  const { world } = reviewing
  await world.clear()
  const ask = {
    'x-harness-review': 'request',
    'x-harness-review-reason': encodeURIComponent('für den Bericht'),
  }
  const path = `${W}/onlineEndpoints/asked${V}`
  const asked = await call('scientist', 'PUT', path, endpoint(), ask)
  const { id } = reviewIn(asked)
  const shown = (await call('scientist', 'GET', `/_harness/api/reviews/${id}`)).json()
  t.match(shown, { reason: 'für den Bericht', state: 'open' })
  await reviewing.approve('reviewer', id)
  t.equal(codeOf(await call('scientist', 'PUT', path, endpoint(), ask)), 'approval_required')
  const needless = await call('scientist', 'GET', `${W}${V}`, undefined, ask)
  t.equal(codeOf(needless), 'bad_request')
  t.equal(
    codeOf(await call('scientist', 'GET', `${W}${V}`, undefined, { 'x-harness-review': 'x' })),
    'bad_header',
  )
  t.same(changes(), [])
})

t.test('two replicas that are asked at the same moment make one call', async (t) => {
  const { world } = reviewing
  const { policies, approvals } = world.gateway.config
  const second = await spawnGateway(world.lab, {
    configFile: join(reviewing.policies, 'second.yaml'),
    change: ({ audit, ...config }) => ({
      ...config,
      policies,
      ...(approvals === undefined ? {} : { approvals }),
      audit: { ...audit, spool: { ...audit.spool, directory: `${audit.spool.directory}-second` } },
    }),
  })
  t.teardown(() => second.stop())
  const path = `${W}/onlineEndpoints/twice${V}`
  const { id } = reviewIn(await call('scientist', 'PUT', path, endpoint()))
  await reviewing.approve('reviewer', id)
  await world.clear()
  const token = await world.lab.token('scientist')
  const put = async (url: string) =>
    send(url, world.lab.certificates.ca, path, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(endpoint()),
    })
  const answers = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => put(index % 2 === 0 ? world.url : second.url)),
  )
  t.equal(answers.filter(({ status }) => status < 300).length, 1)
  t.equal(changes().length, 1, 'and Azure saw it once')
  for (const answer of answers.filter(({ status }) => status >= 300))
    t.ok(['approval_used', 'approval_required'].includes(codeOf(answer) ?? ''), answer.text)
})

t.test(
  'a verdict counts though the clock of its replica is behind, and not by an hour',
  async (t) => {
    const path = `${W}/onlineEndpoints/skew${V}`
    const { id } = reviewIn(await call('scientist', 'PUT', path, endpoint()))
    const name = join(reviewing.ledger, 'r', id, 'request.jws')
    const { payload } = JSON.parse(await readFile(name, 'utf8')) as { payload: string }
    const request = JSON.parse(Buffer.from(payload, 'base64url').toString()) as RequestDocument
    const { sign } = await createSignatures([await readFile(reviewing.keyFile, 'utf8')])
    for (const [ahead, code] of [
      [60, undefined],
      [3_600, 'approvals_unavailable'],
    ] as const) {
      const later = { ...request, iat: request.iat + ahead, exp: request.exp + ahead }
      await writeFile(name, await sign(later))
      const answer = await reviewing.approve('reviewer', id)
      t.equal(codeOf(answer), code, answer.text)
      if (code === undefined) t.match(answer.json(), { state: 'approved' })
    }
  },
)

t.test('who may say what, and until when', async (t) => {
  const path = `${W}/onlineEndpoints/words${V}`
  const { id } = reviewIn(await call('scientist', 'PUT', path, endpoint()))
  const at = `/_harness/api/reviews/${id}`
  const { shownDigest } = (await call('reviewer', 'GET', at)).json() as { shownDigest: string }
  const say = async (persona: string, body: object) =>
    call(persona, 'POST', `${at}/verdicts`, { shownDigest, ...body })
  const code = async (persona: string, body: object) => codeOf(await say(persona, body))
  t.equal(await code('reader', { verdict: 'comment', comment: 'x' }), 'not_found')
  t.equal(await code('reviewer', { verdict: 'withdraw' }), 'policy_refused')
  t.equal(await code('scientist', { verdict: 'approve' }), 'policy_refused')
  t.equal(await code('scientist', { verdict: 'reject' }), 'policy_refused')
  const old = { verdict: 'approve', shownDigest: 'a'.repeat(64) }
  t.equal(await code('reviewer', old), 'review_changed')
  t.equal(await code('reviewer', { verdict: 'approve', shownDigest: undefined }), 'review_changed')
  for (const persona of ['scientist', 'reviewer'])
    t.equal((await say(persona, { verdict: 'comment', comment: 'hm' })).status, 200)
  t.match((await call('reviewer', 'GET', at)).json(), { state: 'open', verdicts: [{}, {}] })

  const name = join(reviewing.ledger, 'r', id, 'request.jws')
  const { payload } = JSON.parse(await readFile(name, 'utf8')) as { payload: string }
  const request = JSON.parse(Buffer.from(payload, 'base64url').toString()) as RequestDocument
  const { sign } = await createSignatures([await readFile(reviewing.keyFile, 'utf8')])
  const week = 8 * 86_400
  await writeFile(
    name,
    await sign({ ...request, iat: request.iat - week, exp: request.exp - week }),
  )
  for (const verdict of ['approve', 'reject', 'withdraw'])
    t.equal(
      await code(verdict === 'withdraw' ? 'scientist' : 'reviewer', { verdict }),
      'review_changed',
    )
  t.match((await call('reviewer', 'GET', at)).json(), { state: 'expired' })
  t.not(reviewIn(await call('scientist', 'PUT', path, endpoint())).id, id, 'a new one')
})

t.test('owners who are none any more have not approved', async (t) => {
  const path = `${W}/onlineEndpoints/owners${V}`
  const { id } = reviewIn(await call('scientist', 'PUT', path, endpoint()))
  await reviewing.approve('reviewer', id)
  const owners = join(reviewing.policies, 'owners.yaml')
  await writeFile(owners, OWNERS.replace('reviewers"', 'scientists"'))
  await eventually('the other owners are in force', async () => {
    const answer = await call('scientist', 'GET', `/_harness/api/reviews/${id}`)
    return (answer.json() as { state: string }).state === 'open'
  })
  t.equal(codeOf(await call('scientist', 'PUT', path, endpoint())), 'approval_required')
  await writeFile(owners, OWNERS)
})

t.test('a ledger that fails refuses what needs it, and nothing else', async (t) => {
  const { world, ledger } = reviewing
  await world.clear()
  await rename(ledger, `${ledger}-away`)
  await writeFile(ledger, 'a file')
  const answer = await call('scientist', 'PUT', `${W}/onlineEndpoints/down${V}`, endpoint())
  t.match([answer.status, codeOf(answer)], [503, 'approvals_unavailable'])
  t.ok(Number(answer.headers['retry-after']) > 0)
  t.equal((await call('scientist', 'GET', `${W}${V}`)).status, 200)
  t.same(changes(), [])
  // those who review are told so, too
  const review = '/_harness/api/reviews/abcdefghijklmnop-1'
  const verdict = { verdict: 'comment', comment: 'x' }
  for (const shown of [
    await call('reviewer', 'GET', review),
    await call('reviewer', 'POST', `${review}/verdicts`, verdict),
  ]) {
    t.match([shown.status, codeOf(shown)], [503, 'approvals_unavailable'], shown.text)
    t.ok(Number(shown.headers['retry-after']) > 0)
  }
  await rm(ledger)
  await rename(`${ledger}-away`, ledger)
})
