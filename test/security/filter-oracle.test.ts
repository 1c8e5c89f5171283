/**
 * Lists that policy looks through are no oracle: what is asked of them cannot depend on what is hidden, and a page that
 * was emptied is a page that was empty.
 */
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import type { Answer } from '../support/send.ts'

const W = workspaceId()
const V = 'api-version=2024-04-01'
const HISTORY = `/history/v1.0${W}`
const MLFLOW = `/mlflow/v2.0${W}/api/2.0/mlflow`
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const OWN = `
@id("own-things")
@reason("scientists see what is of project a only")
forbid (principal in ${SCIENTISTS}, action in Action::"read", resource)
when { context has tags && !context.tags.contains("project=a") }
unless { resource is Workspace };
`

let world: World
const policies = await ownPolicies({ 'own.cedar': OWN })
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})
t.beforeEach(() => world.clear())

async function call(method: string, path: string, body?: unknown, persona = 'scientist') {
  const token = await world.lab.token(persona)
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  return world.send(path, { method, headers, ...text })
}

function refused(t: Test, answer: Answer, name: string): void {
  t.equal(answer.status, 403, answer.text)
  t.match(answer.text, /"(?:policy_refused|PERMISSION_DENIED)"/)
  t.match(
    answer.text,
    new RegExp(`\\\\"${name.replaceAll('$', String.raw`\$`)}\\\\" would tell of it`),
  )
}

/** What a list is asked in the body; then, what would tell of hidden items there. */
const SEARCHES: readonly string[] = [
  `${MLFLOW}/runs/search`,
  `${MLFLOW}/experiments/search`,
  `${HISTORY}/experiments/e/runs:query`,
  `${HISTORY}/experimentids/7/runs:query`,
  `${HISTORY}/experiments:query`,
]
const TELLING: readonly (readonly [string, unknown])[] = [
  ['filter', "params.api_key LIKE 'h%'"],
  ['filter', "params.`api_key` = 'hunter42'"],
  ['filter', "attributes.run_id = 'b1'"],
  ['filter', "attributes.status = 'FAILED'"],
  ['filter', "attributes.lifecycle_stage = 'active' and tags.x = 'y'"],
  ['filter', "tags.`mlflow.prompt.is_prompt` != 'true' AND tags.project = 'b'"],
  ['filter', "tags.`mlflow.prompt.is_prompt` LIKE 't%'"],
  ['filter', ["name LIKE 'b%'"]],
  ['filter', { eq: 1 }],
  ['FILTER', "tags.project = 'b'"],
  ['filter_string', "tags.project = 'b'"],
  ['order_by', ['params.api_key']],
  ['order_by', ['start_time DESC', 'metrics.loss']],
  ['orderBy', 'metrics/loss desc'],
  ['orderby', 'tags.project'],
  ['sort', 'name'],
  ['tags', { project: 'b' }],
  ['name', 'b'],
  ['search', 'b'],
  ['includeTotalCount', true],
]

t.test('no question about what is hidden reaches azure, in a body', async (t) => {
  for (const path of SEARCHES) {
    for (const [name, value] of TELLING)
      refused(t, await call('POST', path, { experiment_ids: ['1'], [name]: value }), name)
  }
  t.same(world.lab.requests(), [])
  const answer = await call('POST', SEARCHES[0] ?? '', { filter: "params.api_key LIKE 'h%'" })
  t.match(await world.settled(answer), [
    {
      RecordKind: 'refused',
      RefusalCode: 'policy_refused',
      PolicyIds: ['own-things'],
      Reason: /would tell of it$/,
    },
  ])
  t.notMatch(answer.text, /api_key/)
})

const LISTS: readonly string[] = [
  `${W}/jobs?${V}`,
  `${W}/models?${V}`,
  `${W}/models/m/versions?${V}`,
  `${W}/environments/e/versions?${V}`,
  `${W}/onlineEndpoints?${V}`,
  `${W}/datastores?${V}`,
  `${MLFLOW}/registered-models/search?max_results=9`,
  `${MLFLOW}/model-versions/search?max_results=9`,
  `${MLFLOW}/experiments/list?view_type=ACTIVE_ONLY`,
  `${HISTORY}/runs/a1/children?$top=9`,
]
t.test('no question about what is hidden reaches azure, in a query', async (t) => {
  const queries = [
    '$filter=name%20eq%20%27b%27',
    'filter=name%20LIKE%20%27b%25%27',
    'FILTER=name%20%3D%20%27b%27',
    '%24filter=x',
    'order_by=name',
    '$orderBy=properties/displayName',
    'orderBy=metrics.loss',
    'tag=project%3Db',
    'tags=project%3Db',
    'properties=a%3Db',
    'jobType=Sweep',
    'name=b',
    'names=b',
    'searchText=b',
    'search=b',
    'stage=Production',
    'description=b',
    '$count=true',
    '$expand=x',
    'hash=b',
  ]
  for (const path of LISTS) {
    for (const query of queries) {
      const name = decodeURIComponent(query.split('=')[0] ?? '').toLowerCase()
      refused(t, await call('GET', `${path}&${query}`), name)
    }
  }
  refused(
    t,
    await call('HEAD', `${W}/jobs?${V}&tag=b`).then(async (head) => {
      t.equal(head.status, 403)
      return call('GET', `${W}/jobs?${V}&tag=b`)
    }),
    'tag',
  )
  t.same(world.lab.requests(), [])
})

t.test('what says nothing of what is hidden passes, byte for byte', async (t) => {
  const bodies = [
    {},
    {
      experiment_ids: ['1', '2'],
      filter: '',
      run_view_type: 'ACTIVE_ONLY',
      max_results: 1000,
      order_by: [],
    },
    { filter: "attributes.lifecycle_stage = 'active'", order_by: ['attributes.start_time DESC'] },
    { filter: "tag.`mlflow.prompt.is_prompt` != 'true'" },
    { filter: null, page_token: 'x', order_by: ['start_time'] },
    { top: 5, continuationToken: 'x', viewType: 'All' },
  ]
  for (const path of SEARCHES) {
    for (const body of bodies) {
      const list = /mlflow/.test(path) ? {} : { value: [] }
      await world.fault('dataPlane', { match: { path }, body: list })
      const answer = await call('POST', path, body)
      t.equal(answer.status, 200, `${path} ${JSON.stringify(body)} ${answer.text}`)
      const seen = world.lab.requests().at(-1)
      t.equal(seen?.bodyBytes, JSON.stringify(body).length)
    }
  }
  for (const path of LISTS) {
    const arm = !/history|mlflow/.test(path)
    await world.fault(arm ? 'upstream' : 'dataPlane', {
      body: /mlflow/.test(path) ? {} : { value: [] },
    })
    const more = arm ? '&listViewType=ActiveOnly&$orderBy=createdtime%20desc&$top=1' : ''
    t.equal((await call('GET', path + more)).status, 200, path)
  }
  const latest = `${MLFLOW}/registered-models/get-latest-versions`
  await world.fault('dataPlane', { body: {} })
  t.equal((await call('POST', latest, { name: 'm', stages: ['None'] })).status, 200)
})

t.test(
  'lists that nothing tells apart are refused as a whole, whatever is asked of them',
  async (t) => {
    for (const [method, path] of [
      ['POST', `${MLFLOW}/logged-models/search`],
      ['POST', `${MLFLOW}/traces/search`],
      ['POST', `${HISTORY}/experiments/e/metrics:query`],
      ['POST', `/modelregistry/v1.0${W}/models/list`],
      ['GET', `/modelregistry/v1.0${W}/models?tag=b`],
      ['GET', `/modelregistry/v1.0${W}/assets?name=b`],
      ['GET', `/data/v1.0${W}/datacontainer?name=b`],
      ['GET', `/genericasset${W}/indexes?listViewType=All`],
      ['GET', `${MLFLOW}/metrics/get-history-bulk-interval?run_ids=b1`],
    ] as const) {
      const answer = await call(method, path, method === 'POST' ? { filter: 'x' } : undefined)
      t.equal(answer.status, 403, `${path} ${answer.text}`)
    }
    t.same(world.lab.requests(), [])
  },
)

t.test('who is shown everything may ask anything', async (t) => {
  const body = { experiment_ids: ['1'], filter: "params.a = 'b'", order_by: ['metrics.loss'] }
  await world.fault('dataPlane', { body: {} })
  const answer = await call('POST', `${MLFLOW}/runs/search`, body, 'service')
  t.equal(answer.status, 200, answer.text)
  t.equal(world.lab.requests().at(-1)?.bodyBytes, JSON.stringify(body).length)
  await world.fault('upstream', { body: { value: [] } })
  t.equal((await call('GET', `${W}/jobs?${V}&tag=b`, undefined, 'service')).status, 200)
})

const mlflowRun = (name: string) => ({
  info: { run_id: name, experiment_id: '1' },
  data: { tags: [{ key: 'project', value: name.slice(0, 1) }] },
})
const historyRun = (name: string) => ({ runId: name, tags: { project: name.slice(0, 1) } })
const job = (name: string) => ({
  id: `${W}/jobs/${name}`,
  name,
  properties: { tags: { project: name.slice(0, 1) } },
})
/** What of an answer does not differ from call to call. */
const told = (answer: Answer): unknown => {
  const ids = /^(date|x-harness-decision-id|x-ms-.*id|apim-request-id)$/
  return [
    answer.status,
    answer.text,
    Object.entries(answer.headers).filter(([name]) => !ids.test(name)),
  ]
}

t.test('an emptied page is an empty one, and a page without hidden items is one', async (t) => {
  const shapes = [
    ['dataPlane', 'POST', `${MLFLOW}/runs/search`, 'runs', mlflowRun, true],
    ['dataPlane', 'POST', `${HISTORY}/experiments/e/runs:query`, 'value', historyRun, false],
    ['upstream', 'GET', `${W}/jobs?${V}`, 'value', job, false],
  ] as const
  for (const [part, method, path, member, make, omits] of shapes) {
    const ask = async (
      names: readonly string[],
      indent: number,
      more: object,
    ): Promise<unknown> => {
      const list = names.length === 0 && omits ? {} : { [member]: names.map((name) => make(name)) }
      const headers = { 'content-type': 'application/json', etag: `"${names.join('')}"` }
      const body = JSON.stringify({ ...list, ...more }, null, indent)
      await world.fault(part, { match: { path: path.split('?')[0] ?? '' }, headers, body })
      return told(await call(method, path, method === 'POST' ? {} : undefined))
    }
    for (const indent of [0, 2]) {
      for (const more of [{}, { next_page_token: 't' }]) {
        for (const [all, own] of [
          [['b1', 'b2'], []],
          [['b1'], []],
          [['b1', 'a1'], ['a1']],
          [
            ['a1', 'b1', 'a2', 'b2', 'b3', 'a3'],
            ['a1', 'a2', 'a3'],
          ],
        ] as const)
          t.same(
            await ask(all, indent, more),
            await ask(own, indent, more),
            `${path} ${all.join()}`,
          )
      }
    }
  }
})
