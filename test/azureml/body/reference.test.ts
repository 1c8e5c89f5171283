/** Every way to write a reference, and the one form that policies compare. */
import t from 'tap'
import { parseReference, showAsset } from '../../../src/azureml/body/reference.ts'
import type { AssetKind } from '../../../src/azureml/body/reference.ts'

const OWN =
  '/subscriptions/s/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'
const ARM =
  '/subscriptions/S/resourceGroups/RG/providers/Microsoft.MachineLearningServices/workspaces/WS'
const OTHER = ARM.replace('WS', 'Other')

/** Written, and as compared; an asset of unknown kind as if it were a model. */
const FORMS: readonly [string, string | null][] = [
  ['azureml:Sklearn:3', 'asset Sklearn:3'],
  ['AzureML:Sklearn:3', 'asset Sklearn:3'],
  [' azureml:Sklearn:3 ', 'asset Sklearn:3'],
  ['azureml:sk@latest', 'asset sk@latest'],
  ['azureml:sk', 'asset sk'],
  [`${ARM}/environments/Sk/versions/3`, 'asset Sk:3'],
  [`azureml:${ARM}/environments/Sk/versions/3`, 'asset Sk:3'],
  [`${ARM}/environments/Sk/labels/latest`, 'asset Sk@latest'],
  [`${OTHER}/models/M/versions/1`, `asset ${OWN.replace(/ws$/, 'other')}/models/M/versions/1`],
  [
    'azureml://registries/AzureML/environments/sk/versions/5',
    'asset azureml://registries/azureml/environments/sk/versions/5',
  ],
  [
    'azureml://registries/azureml/models/m/labels/latest',
    'asset azureml://registries/azureml/models/m/labels/latest',
  ],
  [
    'azureml://locations/EastUS/workspaces/GUID/data/D/versions/2',
    'asset azureml://locations/eastus/workspaces/guid/data/D/versions/2',
  ],
  [`${ARM}/computes/CPU`, 'compute cpu'],
  [`${OTHER}/computes/CPU`, `compute ${OWN.replace(/ws$/, 'other')}/computes/cpu`],
  [`${ARM}/datastores/Blob`, 'datastore blob'],
  [`${ARM}/datastores/Blob/paths/b`, 'path blob azureml://datastores/blob/paths/b'],
  ['azureml://datastores/Blob/paths/a/b/c', 'path blob azureml://datastores/blob/paths/a/b/c'],
  [
    'azureml://subscriptions/S/resourcegroups/RG/workspaces/WS/datastores/Blob/paths/a/b/',
    'path blob azureml://datastores/blob/paths/a/b/',
  ],
  [
    'azureml://subscriptions/S/resourcegroups/RG/workspaces/Other/datastores/Blob/paths/a',
    `path ${OWN.replace(/ws$/, 'other')}/datastores/blob azureml://${OWN.slice(1).replace(/ws$/, 'other')}/datastores/blob/paths/a`,
  ],
  ['azureml://datastores/blob', 'path blob azureml://datastores/blob'],
  [
    'azureml://strange/word/datastores/blob/paths/a',
    'path strange/word/datastores/blob azureml://strange/word/datastores/blob/paths/a',
  ],
  [
    'azureml://jobs/j/outputs/artifacts/paths/m',
    'path null azureml://jobs/j/outputs/artifacts/paths/m',
  ],
  [
    'https://u:p@Acct.blob.core.windows.net/c/a?sig=secret#x',
    'path null https://acct.blob.core.windows.net/c/a',
  ],
  [
    'wasbs://Box@acct.blob.core.windows.net/a',
    'path null wasbs://box@acct.blob.core.windows.net/a',
  ],
  ['sklearn:3', null],
  ['python train.py', null],
  ['', null],
  ['azureml:', null],
  ['/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/x', null],
]
for (const [written, compared] of FORMS) {
  t.test(`${JSON.stringify(written)} is ${compared}`, async (t) => {
    const found = parseReference(written, OWN)
    const kind: AssetKind = 'models'
    const shown =
      found === null
        ? null
        : found.type === 'asset'
          ? `asset ${showAsset(found, found.kind ?? kind)}`
          : found.type === 'path'
            ? `path ${found.datastore} ${found.path}`
            : `${found.type} ${found.name}`
    t.equal(shown, compared)
  })
}

t.test(
  'an id in the own workspace is read as one that says the same through a prefix',
  async (t) => {
    const own = '/subscriptions/s/resourcegroups/rg/providers/microsoft.machinelearningservices'
    const workspace = `${own}/workspaces/ws`
    const ends = [
    '/computes/CPU', '/computes', '/computes/', '/', '', '//computes/c', '/datastores/D', '/datastores/d/paths/a/b',
    '/models/m', '/models/m/versions/3', '/models/m/labels/latest', '/models/m/versions/', '/jobs/j/outputs/a',
    '/workspaces/other/computes/c', '/registries/r/models/m/versions/1', '/locations/l/models/m', 'x/computes/c',
  ] // prettier-ignore
    for (const end of ends)
      for (const id of [`${workspace}${end}`, `${workspace}${end}`.toUpperCase()])
        // without its first slash, it is taken apart from its beginning
        t.strictSame(parseReference(id, workspace), parseReference(id.slice(1), workspace), id)
  },
)

const AMBIGUOUS = ['a/../b', 'a/./b', 'a//b', 'a%2fb', 'a/%2e%2e/b', 'a%5cb', 'a\\b', 'a%252fb']
for (const path of AMBIGUOUS) {
  t.test(`a path with ${path} can be read in two ways`, async (t) => {
    t.match(parseReference(`azureml://datastores/d/paths/${path}`, OWN), { ambiguous: true })
  })
}

t.test('folders are the beginning of a path', async (t) => {
  t.match(parseReference('azureml://datastores/d/paths/a/b/c.csv', OWN), {
    folder: 'azureml://datastores/d/paths/a',
    subfolder: 'azureml://datastores/d/paths/a/b',
    ambiguous: false,
  })
})
