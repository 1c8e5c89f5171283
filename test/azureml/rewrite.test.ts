import t from 'tap'
import { createHosts } from '../../src/azureml/hosts.ts'
import { rewriteHeaders } from '../../src/azureml/rewrite.ts'
import type { AnswerHeaders } from '../../src/azureml/rewrite.ts'

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
