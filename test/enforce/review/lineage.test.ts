/** Where models come from: by documents of Azure's, whatever these say of each other. */
import t from 'tap'
import { originsOf, type LineageOptions } from '../../../src/enforce/review/lineage.ts'

const W =
  '/subscriptions/s/resourcegroups/g/providers/microsoft.machinelearningservices/workspaces/w'
const R = W.replace('workspaces/w', 'registries/shared')
const model = (name: string): string => `${W}/models/${name}/versions/1`

const optionsOf = (
  documents: Readonly<Record<string, object>>,
  given: Partial<LineageOptions> = {},
): LineageOptions => ({
  documentAt: async (id) => (id in documents ? { properties: documents[id] } : null),
  tagsOfRun: async () => null,
  registryAt: async () => null,
  scope: W,
  ...given,
})
const stamped = (principal: string) => ({ tags: { 'harness.principal': principal } })

t.test('a step of a pipeline is of whom the pipeline is', async (t) => {
  const documents = { [model('m')]: { ...stamped('ann'), jobName: 'step' }, [`${W}/jobs/step`]: {} }
  const asked: string[] = []
  const { lineage, authors } = await originsOf(
    [model('m')],
    optionsOf(documents, {
      tagsOfRun: async (run) => {
        asked.push(run)
        return ['a=b', 'harness.principal=bob', 'harness.principal=cid']
      },
    }),
  )
  t.same(asked, ['step'])
  t.match(lineage, [{ author: 'ann', job: 'step', jobAuthor: 'bob' }])
  t.same(authors, ['ann', 'bob', 'cid'], 'everybody above it')
})

t.test('both jobs count, if a version names one and its files another', async (t) => {
  const documents = {
    [model('m')]: { jobName: 'named', modelUri: `azureml:/${W}/jobs/real/outputs/m` },
    [`${W}/jobs/named`]: stamped('ann'),
    [`${W}/jobs/real`]: stamped('bob'),
  }
  const { lineage, authors } = await originsOf([model('m')], optionsOf(documents))
  t.same(
    lineage.map(({ job }) => job),
    ['named', 'real'],
  )
  t.same(authors, ['ann', 'bob'])
})

t.test('a job of another workspace is looked for there', async (t) => {
  const place = W.replace('workspaces/w', 'workspaces/other')
  const documents = {
    [model('m')]: { modelUri: `azureml:/${place}/datastores/d/paths/ExperimentRun/dcid.far/m` },
    [`${place}/jobs/far`]: stamped('bob'),
  }
  const { authors } = await originsOf([model('m')], optionsOf(documents))
  t.same(authors, ['bob'])
})

t.test('a model of a registry that is named alone, once it is known where that is', async (t) => {
  const id = 'azureml://registries/shared/models/m/versions/1'
  const documents = { [`${R}/models/m/versions/1`]: stamped('ann') }
  const known = await originsOf(
    [id],
    optionsOf(documents, { registryAt: async (name) => (name === 'shared' ? R : null) }),
  )
  t.match(known, { lineage: [{ model: id, author: 'ann' }], authors: ['ann'] })
  t.match(await originsOf([id], optionsOf(documents)), { lineage: [{ author: null }], authors: [] })
})

t.test('copies in a circle, and too many of them, end', async (t) => {
  const circle = {
    [model('a')]: { ...stamped('ann'), modelUri: 'models:/b/1' },
    [model('b')]: { ...stamped('bob'), modelUri: 'azureml:a:1' },
  }
  const round = await originsOf([model('a')], optionsOf(circle))
  t.same(round.authors, ['ann', 'bob'])
  t.match(round.lineage, [{}, { copiedTo: model('a') }])
  const chain = Object.fromEntries(
    Array.from({ length: 99 }, (_, at) => [
      model(`m${at}`),
      { modelUri: `azureml:m${at + 1}:1`, ...stamped(`p${at}`) },
    ]),
  )
  // whoever is behind the last one that is looked at could review it
  await t.rejects(originsOf([model('m0')], optionsOf(chain)), { code: 'policy_refused' })
  t.equal((await originsOf([model('m80')], optionsOf(chain))).lineage.length, 20)
  const many = Array.from({ length: 21 }, (_, at) => model(`x${at}`))
  await t.rejects(originsOf(many, optionsOf({})), { code: 'policy_refused' })
})

t.test('what Azure says in no known form is unknown', async (t) => {
  const odd = [
    null,
    [],
    { tags: [], jobName: 7, modelUri: {}, properties: [] },
    {
      tags: { 'harness.principal': 'x'.repeat(600) },
      jobName: '../x',
      modelUri: 'azureml://jobs/..',
    },
  ]
  for (const properties of odd) {
    const { lineage, authors } = await originsOf(
      [model('m')],
      optionsOf({ [model('m')]: properties as object }),
    )
    t.match(lineage, [{ author: null, job: null, jobAuthor: null }])
    t.same(authors, [])
  }
})
