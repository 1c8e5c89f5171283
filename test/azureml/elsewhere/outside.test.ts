/** References in plain forms are the call's own, and nothing that is like one passes for it. */
import t from 'tap'
import { outsideOf } from '../../../src/azureml/elsewhere/outside.ts'

const ID =
  '/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces'
const WS = `${ID}/ws`
const OWN = WS.toLowerCase()

const PLAIN = [
  'azureml:train:1',
  'azureml:train@latest',
  'AzureML:Train-2.x:1',
  `${WS}/computes/cpu`,
  `${WS}/environments/train/versions/3`,
  `${WS.toUpperCase()}/JOBS/j`,
  `${WS}/datastores/a/paths/b/c.csv`,
]
for (const text of PLAIN)
  t.test(`${text} is in the own workspace`, async (t) => {
    for (const one of [text, ` ${text} `, `azureml:train:2 ${text}`])
      t.strictSame(outsideOf(one, OWN), [], one)
  })

const OTHERS: Readonly<Record<string, string>> = {
  [`${ID}/other/computes/cpu`]: 'workspace',
  [`${ID}/ws2/computes/cpu`]: 'workspace',
  [`${WS}/computes/cpu ${ID}/other/data/d/versions/1`]: 'workspace',
  [`${WS}/computes/cpu/providers/Microsoft.Insights/x/y`]: 'nowhere',
  [`${WS}/computes/../../other`]: 'nowhere',
  [`${WS}/data/a%2f..%2fb`]: 'nowhere',
  'azureml:azureml:registries': 'nowhere',
  'azureml:registries/r/models/m/versions/1': 'registry',
  'azureml://registries/r/models/m': 'registry',
  [`azureml:train:1 azureml://locations/l/workspaces/g`]: 'location',
  [`azureml:${'a'.repeat(9_000)}:1`]: 'nowhere',
}
for (const [text, where] of Object.entries(OTHERS))
  t.test(`${text.slice(0, 150)} leads elsewhere`, async (t) => {
    t.match(outsideOf(text, OWN), [{ in: where }])
  })
