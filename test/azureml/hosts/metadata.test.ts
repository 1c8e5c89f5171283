import t from 'tap'
import { discoveryDocument, metadataDocument } from '../../../src/azureml/hosts/metadata.ts'
import type { MetadataOptions } from '../../../src/azureml/hosts/metadata.ts'

const options: MetadataOptions = { publicUrl: 'https://gw.example.com', cloud: 'AzureCloud' }

t.test('lists and objects come as each api-version has them', (t) => {
  for (const version of [null, '2019-05-01', '2020-06-01']) {
    const document = metadataDocument(version, options)
    t.ok(Array.isArray(document) && document.length === 1, `${version}: a list of one`)
  }
  for (const version of ['2022-09-01', '2024-01-01']) {
    t.notOk(Array.isArray(metadataDocument(version, options)), `${version}: one object`)
  }
  t.end()
})

t.test('the Python SDKs find all that they read', (t) => {
  t.match(metadataDocument('2019-05-01', options), [
    {
      name: /^(?!Azure(?:Cloud|ChinaCloud|USGovernment)$)/,
      portal: 'https://portal.azure.com',
      resourceManager: 'https://gw.example.com/',
      authentication: { loginEndpoint: 'https://login.microsoftonline.com' },
      suffixes: { storage: 'core.windows.net' },
    },
  ])
  t.end()
})

t.test('Terraform and the Azure CLI find what is mandatory for them', (t) => {
  t.match(metadataDocument('2022-09-01', { ...options, audience: 'api://gateway' }), {
    name: String,
    resourceManager: 'https://gw.example.com/',
    microsoftGraphResourceId: 'https://graph.microsoft.com/',
    authentication: { audiences: ['api://gateway'], tenant: 'common', identityProvider: 'AAD' },
    sqlManagement: String,
    batch: String,
    gallery: String,
    graphAudience: String,
    vmImageAliasDoc: String,
    media: String,
    suffixes: { keyVaultDns: String, sqlServerHostname: String, acrLoginServer: String },
  })
  t.strictSame(metadataDocument('2015-01-01', options), {
    galleryEndpoint: 'https://gallery.azure.com/',
    graphEndpoint: 'https://graph.windows.net/',
    portalEndpoint: 'https://portal.azure.com',
    authentication: {
      loginEndpoint: 'https://login.microsoftonline.com/',
      audiences: ['https://gw.example.com'],
    },
  })
  t.end()
})

t.test(
  'the audience of Azure ML can be read off the portal in each cloud, as azure-ai-ml does',
  (t) => {
    const audiences = { AzureCloud: 'com', AzureUSGovernment: 'us', AzureChinaCloud: 'cn' } as const
    for (const cloud of ['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'] as const) {
      const [document] = metadataDocument(null, { ...options, cloud }) as { portal: string }[]
      t.equal(document?.portal.split('.').slice(2).join('.'), audiences[cloud])
    }
    t.end()
  },
)

t.test('discovery sends every service to the gateway', (t) => {
  const document = discoveryDocument('https://gw.example.com')
  t.equal(document['api'], 'https://gw.example.com')
  t.equal(document['history'], 'https://gw.example.com')
  t.strictSame([...new Set(Object.values(document))], ['https://gw.example.com'])
  t.end()
})
