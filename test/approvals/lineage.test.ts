/** Who has a part in a model: stamped on its versions by whichever API, kept, and never a reviewer of its release. */
import t, { type Test } from 'tap'
import { PERSONAS, TENANT } from '../../lab/personas.ts'
import { RELEASE, reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

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
const DEPLOYMENTS = RELEASE.replace(/,\s+Action::"[^"]+\/models\/write"/, '')
const WITHOUT_STAMPS = `
@id("without-stamps")
@reason("models of before")
@identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action, resource);
`

let reviewing: Reviewing
let call: Reviewing['call']
t.before(async () => {
  reviewing = await startReviewing({
    bindings: BINDINGS,
    files: { 'release.cedar': DEPLOYMENTS, 'without-stamps.cedar': WITHOUT_STAMPS },
  })
  call = reviewing.call
})
t.teardown(() => reviewing.close())
t.setTimeout(240_000)

const idOf = (name: string): string => {
  const persona = PERSONAS.get(name)
  return persona?.kind === 'entra-user' ? `entra/${TENANT}/${persona.oid}` : ''
}
const codeOf = (answer: { json(): unknown }): string | undefined =>
  (answer.json() as { error?: { code?: string } }).error?.code

type Tags = Readonly<Record<string, string>>
const version = (name: string): string => `${W}/models/${name}/versions/1${V}`
const tagsOf = async (name: string): Promise<Tags> =>
  (
    (await call('scientist', 'GET', version(name))).json() as {
      properties: { tags?: Tags }
    }
  ).properties.tags ?? {}
const put = async (persona: string, name: string, properties: object) =>
  call(persona, 'PUT', version(name), {
    properties: { modelUri: 'azureml://datastores/d/paths/m', ...properties },
  })

interface Shown {
  readonly authors: readonly string[]
  readonly shownDigest: string
  readonly shown: {
    readonly lineage: readonly {
      readonly model: string
      readonly author: string | null
      readonly job: string | null
      readonly jobAuthor: string | null
      readonly inputs: readonly string[]
      readonly environment: string | null
      readonly copiedTo?: string
    }[]
    readonly metrics?: readonly {
      readonly model: string
      readonly serves: string | null
      readonly values: readonly object[]
      readonly notes: readonly string[]
    }[]
  }
}
let deployments = 0
/** A deployment of the model, as the scientist asks for it, and what is shown of it. */
async function deploy(model: string, at = `d${deployments++}`) {
  const path = `${W}/onlineEndpoints/lineage/deployments/${at}${V}`
  const body = { location: 'eastus', properties: { model, endpointComputeType: 'Managed' } }
  const { id } = reviewIn(await call('scientist', 'PUT', path, body))
  const shown = (await call('scientist', 'GET', `/_harness/api/reviews/${id}`)).json() as Shown
  return { id, path, body, ...shown }
}
async function isNoReviewer(t: Test, id: string): Promise<void> {
  const denied = await reviewing.approve('reviewer', id)
  t.equal(codeOf(denied), 'policy_refused', denied.text)
  t.match(denied.text, 'who has a part in a change does not review it')
}

t.test('a version that is put has the stamp of its first author', async (t) => {
  const forged = { tags: { 'harness.principal': idOf('scientist'), team: 'risk' } }
  t.equal((await put('reviewer', 'mine', forged)).status, 201)
  const first = await tagsOf('mine')
  t.match(first, { 'harness.principal': idOf('reviewer'), team: 'risk' })
  t.same(
    Object.keys(first).filter((name) => name.startsWith('harness.')).length,
    4,
    'and of what decided it',
  )
  // another person changes it: with other tags, without any, and as it was read
  for (const properties of [{ tags: { team: 'x' } }, {}, { tags: first }, { tags: null }]) {
    t.ok((await put('scientist', 'mine', properties)).status < 300)
    const now = await tagsOf('mine')
    for (const name of Object.keys(first).filter((one) => one.startsWith('harness.')))
      t.equal(now[name], first[name], `${name} is kept by ${JSON.stringify(properties)}`)
  }
  t.ok((await put('scientist', 'copy', { tags: first })).status < 300)
  t.equal((await tagsOf('copy'))['harness.principal'], idOf('scientist'), 'a copy is anew')
  const twice = await put('scientist', 'two', { tags: {}, Tags: { a: 'b' } })
  t.equal(codeOf(twice), 'bad_body', 'nobody knows which of two spellings counts')

  const { id, authors } = await deploy('azureml:mine:1')
  t.ok(authors.includes(idOf('reviewer')))
  await isNoReviewer(t, id)
})

t.test('one that was registered without a stamp has no author, and gets none', async (t) => {
  t.equal((await put('reader', 'old', {})).status, 201)
  t.ok((await put('scientist', 'old', { description: 'd' })).status < 300)
  t.notOk((await tagsOf('old'))['harness.principal'])
})

t.test('the job is found by the files of a version', async (t) => {
  const job = {
    properties: {
      jobType: 'Command',
      command: 'python train.py',
      environmentId: `${W}/environments/e/versions/1`,
      experimentName: 'x',
      inputs: {
        data: { jobInputType: 'uri_file', uri: 'azureml://datastores/d/paths/t?sig=abcd' },
      },
    },
  }
  t.equal((await call('reviewer', 'PUT', `${W}/jobs/trained${V}`, job)).status, 201)
  const uris = [
    'azureml://jobs/trained/outputs/artifacts/paths/model',
    'runs:/trained/model',
    `azureml:/${W}/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.trained/model`,
  ]
  for (const [at, modelUri] of uris.entries()) {
    t.equal((await put('scientist', `by-uri-${at}`, { modelUri })).status, 201)
    const { id, shown } = await deploy(`${W}/models/by-uri-${at}/versions/1`)
    t.match(shown.lineage[0], {
      author: idOf('scientist'),
      job: 'trained',
      jobAuthor: idOf('reviewer'),
      environment: /environments\/e/,
    })
    t.match(shown.lineage[0]?.inputs[0], 'data: azureml://datastores/d/paths/t')
    t.notMatch(JSON.stringify(shown), 'abcd')
    await isNoReviewer(t, id)
  }
})

t.test('who made what a model was copied from has a part in it', async (t) => {
  t.equal((await put('reviewer', 'source', {})).status, 201)
  t.equal((await put('scientist', 'copied', { modelUri: 'models:/source/1' })).status, 201)
  t.equal((await put('scientist', 'again', { modelUri: 'azureml:copied:1' })).status, 201)
  const { id, shown } = await deploy(`${W}/models/again/versions/1`)
  t.same(
    shown.lineage.map(({ model, author }) => [model.split('/').at(-3), author]),
    [
      ['again', idOf('scientist')],
      ['copied', idOf('scientist')],
      ['source', idOf('reviewer')],
    ],
  )
  t.same(
    shown.lineage.map(({ copiedTo }) => copiedTo?.split('/').at(-3)),
    [undefined, 'again', 'copied'],
  )
  await isNoReviewer(t, id)
})

t.test('the first SDK registers and changes a model; nobody takes its stamp away', async (t) => {
  const path = `/modelmanagement/v1.0${W}/models`
  const made = await call('reviewer', 'POST', path, {
    name: 'v1',
    url: 'aml://x',
    kvTags: { a: '1' },
  })
  t.equal(made.status, 200, made.text)
  const { id } = made.json() as { id: string }
  const patch = async (operations: object[]) =>
    call('scientist', 'PATCH', `${path}/${id}`, operations)
  const stamps = { 'harness.principal': 'forged' }
  for (const value of [{ b: '2' }, {}, stamps]) {
    const answer = await patch([{ op: 'replace', path: '/kvTags', value }])
    t.equal(answer.status, 200, answer.text)
    const { kvTags } = (await call('scientist', 'GET', `${path}/${id}`)).json() as { kvTags: Tags }
    t.equal(kvTags['harness.principal'], idOf('reviewer'))
  }
  for (const operations of [
    [{ op: 'remove', path: '/kvTags' }],
    [{ op: 'replace', path: '', value: {} }],
    [{ op: 'move', from: '/kvTags', path: '/x' }],
    [{ op: 'add', path: '/kvTags/harness.principal', value: 'x' }],
    [{ op: 'remove', path: '/kvTags/harness.principal' }],
  ])
    t.equal(codeOf(await patch(operations)), 'policy_refused', JSON.stringify(operations))
})
