/** What an endpoint serves, from its own document: Azure limits the time of a call by it. */
import t from 'tap'
import { createEndpoints } from '../../../src/azureml/hosts/endpoints.ts'

const W =
  '/subscriptions/22222222-2222-4222-8222-222222222222/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'
const hosts = { scoringOriginOf: () => 'https://ep.eastus.inference.ml.azure.com' }

interface Case {
  readonly name: string
  readonly serves: 'model' | 'promptFlow'
  readonly tags?: unknown
  readonly properties?: object
}
const CASES: readonly Case[] = [
  { name: 'nothing', serves: 'model' },
  {
    name: 'other tags',
    serves: 'model',
    tags: { team: 'promptflow', 'my.azureml.promptflow': '' },
  },
  { name: 'tags that are none', serves: 'model', tags: 'azureml.promptflow' },
  {
    name: 'the id of a flow',
    serves: 'promptFlow',
    properties: { 'azureml.promptflow.source_flow_id': 'f' },
  },
  {
    name: 'secrets of tools',
    serves: 'promptFlow',
    properties: { enforce_access_to_default_secret_stores: 'enabled' },
  },
  { name: 'a tag in another case', serves: 'promptFlow', tags: { 'AzureML.PromptFlow': '' } },
]

for (const { name, serves, tags, properties } of CASES) {
  t.test(`an online endpoint with ${name} serves a ${serves}`, async (t) => {
    const id = `${W}/onlineendpoints/ep`
    const scoringUri = 'https://ep.eastus.inference.ml.azure.com/score'
    const document = { id, tags, properties: { scoringUri, properties } }
    const found = await createEndpoints(hosts, () => 0).find(id, 'a', 'i', async () => document)
    t.same(found, { origin: 'https://ep.eastus.inference.ml.azure.com', serves })
  })
}

t.test('a batch endpoint serves batches, whatever its tags say', async (t) => {
  const id = `${W}/batchendpoints/ep`
  const scoringUri = 'https://ep.eastus.inference.ml.azure.com/jobs'
  const document = { id, tags: { 'azureml.promptflow.mode': 'x' }, properties: { scoringUri } }
  const found = await createEndpoints(hosts, () => 0).find(id, 'a', 'i', async () => document)
  t.equal(found.serves, 'batch')
})
