import t from 'tap'
import { createHosts } from '../../../src/azureml/hosts/hosts.ts'
import { classify } from '../../../src/azureml/classify.ts'
import { createFieldMap, rewriteHeaders } from '../../../src/azureml/answers/rewrite.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import type { AnswerHeaders } from '../../../src/azureml/answers/rewrite.ts'

const hosts = createHosts({ name: 'AzureCloud' }, 'https://gw.example.com')

t.test('URL-bearing headers lead back to the gateway and others stay', (t) => {
  const headers: AnswerHeaders = {
    location: 'https://management.azure.com/subscriptions/s?api-version=1',
    'azure-asyncoperation': '/subscriptions/s/operations/1',
    'operation-location': 'https://eastus.api.azureml.ms/history/v1.0/subscriptions/s',
    'content-location': 'https://management.azure.com/x',
    'x-ms-request-id': 'https://management.azure.com/kept',
    'content-length': '3',
  }
  rewriteHeaders(headers, hosts)
  t.strictSame(headers, {
    location: 'https://gw.example.com/subscriptions/s?api-version=1',
    'azure-asyncoperation': 'https://gw.example.com/subscriptions/s/operations/1',
    'operation-location': 'https://gw.example.com/history/v1.0/subscriptions/s',
    'content-location': 'https://gw.example.com/x',
    'x-ms-request-id': 'https://management.azure.com/kept',
    'content-length': '3',
  })
  t.end()
})

t.test('a foreign URL in any of them refuses the answer', (t) => {
  for (const name of [
    'location',
    'azure-asyncoperation',
    'operation-location',
    'content-location',
  ]) {
    for (const value of [
      'https://evil.example/',
      'http://169.254.169.254/metadata/identity',
      '//evil.example/',
      '/\\evil.example/',
      'relative',
      '',
    ]) {
      t.throws(
        () => rewriteHeaders({ [name]: value }, hosts),
        { code: 'upstream_foreign_url' },
        `${name}: ${value}`,
      )
    }
    t.throws(() => rewriteHeaders({ [name]: ['/a', '/b'] }, hosts), { code: 'upstream_bad_answer' })
  }
  t.end()
})

t.test(
  'a scoring URI leads back, and one on a host of its own leads to a refusal here',
  async (t) => {
    const path =
      '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/onlineEndpoints/e'
    const operation = classify(parseTarget('GET', `${path}?api-version=2024-04-01`))
    const map = createFieldMap(hosts, operation)
    t.equal(
      map('https://e.eastus.inference.ml.azure.com/score', 'scoring'),
      'https://gw.example.com/_score/s/g/w/e/score',
    )
    const elsewhere = map('https://cluster.contoso.example/api/v1/endpoint/e/score', 'scoring')
    t.equal(elsewhere, 'https://gw.example.com/_score/not-served')
    t.throws(() => classify(parseTarget('POST', new URL(elsewhere).pathname)), {
      code: 'unknown_operation',
    })
  },
)
