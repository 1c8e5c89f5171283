/**
 * Whoever may see no records but their own learns nothing of others' by the API of records: not by a filter, a count, a
 * page, a form or an error.
 */
import t from 'tap'
import { API, startInsight, V, W, type Insight, type Page } from '../records/support.ts'
import type { Answer } from '../support/send.ts'

t.setTimeout(120_000)

let insight: Insight
let [scientist, decision] = ['', '']
t.before(async () => {
  insight = await startInsight()
  const answer = await insight.as('scientist', `${W}/jobs/secret-project${V}`)
  await insight.world.settled(answer)
  decision = String(answer.headers['x-harness-decision-id'])
  const { value } = await insight.records('scientist')
  scientist = String(value[0]?.['PrincipalId'])
  for (let n = 0; n < 5; n += 1)
    await insight.world.settled(await insight.as('outsider', `${W}/jobs${V}`))
})
t.teardown(() => insight.close())

const get = (persona: string, query: string, path = 'records'): Promise<Answer> =>
  insight.as(persona, `${API}/${path}?${query}`)

/** An answer without what differs from one call to the next. */
function bare(answer: Answer): unknown {
  const { asOf: _, until: __, since: ___, ...rest } = answer.json() as Page
  return { status: answer.status, ...rest }
}

t.test('a filter that would find records of others finds what one finds that cannot', async (t) => {
  const resource = (name: string): string => encodeURIComponent(`${W}/jobs/${name}`.toLowerCase())
  const other = decision.replace(/.$/u, (last) => (last === '0' ? '1' : '0'))
  for (const [there, missing] of [
    [`decision=${decision}`, `decision=${other}`],
    [`resource=${resource('secret-project')}`, `resource=${resource('no-such-project')}`],
    [
      'action=workspaces/jobs/read&outcome=permitted',
      'action=workspaces/data/read&outcome=permitted',
    ],
  ] as const) {
    for (const path of ['records', 'records/summary'])
      t.same(
        bare(await get('outsider', there, path)),
        bare(await get('outsider', missing, path)),
        there,
      )
  }
  const named = await get('outsider', `who=${encodeURIComponent(scientist)}`)
  const nobody = await get('outsider', `who=${encodeURIComponent(scientist.replace(/1$/u, '9'))}`)
  t.match(named, { status: 403, code: 'policy_refused' })
  const textOf = ({ text }: Answer): string => text.replaceAll(/[0-9a-f-]{36}/gu, '')
  t.equal(textOf(named), textOf(nobody))
  t.match(await get('outsider', `who=${encodeURIComponent(scientist)}`, 'records/summary'), {
    status: 403,
  })
})

t.test('no form of any answer has them', async (t) => {
  for (const persona of ['outsider', 'reader', 'service']) {
    for (const query of ['limit=500', 'format=csv&limit=500', 'format=jsonl&limit=500']) {
      const { status, text } = await get(persona, query)
      t.equal(status, 200)
      t.notMatch(text, /secret-project/u, `${persona} ${query}`)
      t.notOk(text.includes(scientist) || text.includes(decision))
    }
  }
  const auditor = await get('reviewer', 'limit=500')
  t.match(auditor.text, /secret-project/u, 'while an auditor of the place sees them')
  t.notMatch(
    auditor.text,
    /audit_opened|"RecordKind":"gateway"/u,
    'and nothing of the gateway’s own',
  )
})

t.test('the page of one caller or query is none of another', async (t) => {
  const { next } = await insight.records('reviewer', 'limit=1')
  const own = await insight.records('outsider', 'limit=1')
  t.not(own.next, null)
  const page = String(next)
  const flipped = `${page.slice(0, 20)}${page[20] === 'A' ? 'B' : 'A'}${page.slice(21)}`
  for (const [persona, query] of [
    ['outsider', `page=${page}`],
    ['reviewer', `page=${flipped}`],
    ['reviewer', `page=${page}&outcome=refused`],
    ['reviewer', `page=${page}A`],
    ['reviewer', `page=${page.slice(0, -1)}`],
    ['reviewer', `page=${String(own.next)}`],
    ['reviewer', 'page='],
    ['reviewer', 'page=0'],
    ['reviewer', `page=${'A'.repeat(3_000)}`],
    ['reviewer', `page=${Buffer.from('["x","y",1,null,2]').toString('base64url')}`],
  ] as const) {
    const answer = await get(persona, query)
    t.match(answer, { status: 400, code: 'bad_query' }, `${persona} ${query.slice(0, 60)}`)
    t.match(answer.text, /\\"page\\"/u)
  }
  t.equal((await get('reviewer', `limit=3&page=${page}`)).status, 200, 'while it holds for its own')
  t.notMatch(Buffer.from(page, 'base64url').toString('latin1'), /\.jsonl/u, 'and says nothing')
})

t.test('what is no filter is refused by its name, and nothing is repaired', async (t) => {
  for (const [query, named] of [
    ['wo=me', 'wo'],
    ['kql=AmlHarnessAudit_CL', 'kql'],
    ['$filter=1%20eq%201', String.raw`\$filter`],
    ['skip=1', 'skip'],
    ['limit=501', 'limit'],
    ['limit=0', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=99999999999999999999', 'limit'],
    ['limit=', 'limit'],
    ['who=', 'who'],
    [`who=${'a'.repeat(1_025)}`, 'who'],
    ['decision=1', 'decision'],
    ['outcome=Permitted', 'outcome'],
    ['outcome=permitted,refused', 'outcome'],
    ['refusal=no_such_code', 'refusal'],
    ['refusal=constructor', 'refusal'],
    ['secrets=1', 'secrets'],
    ['review=../x', 'review'],
    ['source=localhost', 'source'],
    ['source=127.1', 'source'],
    ['format=xml', 'format'],
    ['action=*', 'action'],
    ['action=read', 'action'],
    ['resource=/', 'resource'],
    ['resource=/etc/passwd', 'resource'],
    [`resource=${encodeURIComponent('/subscriptions/x" or true //')}`, 'resource'],
    ['resource=/subscriptions/x/', 'resource'],
    [`resource=/subscriptions/x&workspace=lab`, 'workspace'],
    ['workspace=ws-other', 'workspace'],
    ['since=yesterday', 'since'],
    ['since=2026-11-21', 'since'],
    ['since=2026-11-21T08:00:00', 'since'],
    ['since=2026-11-21T08:00:00+02:00', 'since'],
    ['since=2026-02-30T08:00:00Z', 'since'],
    ['since=2026-11-21T24:00:00Z', 'since'],
    ['since=2026-11-21T08:00:00%2B99:00', 'since'],
    ['since=2026-11-21T08:00:00%2B02', 'since'],
    ['since=2026-11-21T08:00:00Z[Europe/Paris]', ''],
    ['since=0', 'since'],
    ['since=1e3', 'since'],
    ['since=-10m', 'since'],
    ['since=93d', 'since'],
    ['since=1m&until=1h', 'since'],
    ['until=10y', 'until'],
  ] as const) {
    const answer = await get('reviewer', query)
    t.match(answer, { status: 400, code: 'bad_query' }, query.slice(0, 60))
    if (named !== '') t.match(answer.text, new RegExp(String.raw`\\"${named}\\"`, 'u'))
  }
  for (const query of ['who=me&who=me', 'WHO=me&who=me', 'limit=1&Limit=2'])
    t.match(await get('reviewer', query), { status: 400, code: 'bad_query' }, query)
  for (const zone of ['Z', '%2B02:00', '-11:30', '%2B14:00'])
    t.equal((await get('reviewer', `since=2026-11-28T08:00:00${zone}`)).status, 200, zone)
})

t.test('the other routes take nothing that they do not know, and no other method', async (t) => {
  const { as } = insight
  for (const path of [
    'policy?version=1',
    'state?verbose=true',
    'records/summary?limit=1',
    'policy/who-can?on=lab',
    'policy/who-can?action=workspaces/jobs/read',
    'policy/who-can?on=lab&action=no/such/action',
    `policy/who-can?on=lab&action=${Array.from({ length: 13 }, () => 'workspaces/jobs/read').join(',')}`,
  ])
    t.match(
      await as('reader', `${API}/${path}`),
      { status: 400, code: 'bad_query' },
      path.slice(0, 60),
    )
  for (const path of [
    'records/x',
    'records/summary/x',
    'policy/x',
    'policy/who-can/x',
    'state/x',
    'Records',
  ])
    t.match(await as('reader', `${API}/${path}`), { status: 404 }, path)
  for (const path of ['records', 'records/summary', 'policy', 'policy/who-can', 'state'])
    for (const method of ['POST', 'PUT', 'DELETE', 'HEAD'])
      t.equal((await as('reader', `${API}/${path}`, { method })).status, 405, `${method} ${path}`)
  t.equal((await insight.world.send(`${API}/records`)).status, 401)
})
