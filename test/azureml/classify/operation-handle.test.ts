import { randomBytes } from 'node:crypto'
import t from 'tap'
import { classify } from '../../../src/azureml/classify.ts'
import { createOperationHandles } from '../../../src/azureml/classify/operation-handle.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { upstreamPath } from '../../../src/azureml/hosts/upstream-path.ts'
import { Refusal } from '../../../src/errors.ts'

const GATEWAY = 'https://gw.example.com'
const P = '/subscriptions/0a/providers/Microsoft.MachineLearningServices'
const STATUS = `${P}/locations/eastus/mfeOperationsStatus/mv:1:2`
const V = '?api-version=2024-04-01&t=1'
const key = randomBytes(32)

const handles = (now = 1_000_000_000_000, secret = key) =>
  createOperationHandles(secret, GATEWAY, () => now)
const bound = (url = `${GATEWAY}${STATUS}${V}`, by = 'entra/t/alice') =>
  handles().bind(url, by).slice(GATEWAY.length)

const code = (act: () => unknown): string => {
  try {
    return String(act())
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

t.test('whoever started an operation can follow it, on any replica with the key', (t) => {
  const target = parseTarget('GET', bound())
  t.equal(handles().owns(target, 'entra/t/alice'), true)
  t.equal(upstreamPath(target), STATUS)
  t.equal(target.query, V.slice(1))
  const operation = classify(target)
  t.match(operation, {
    effect: 'read',
    resource: { type: 'OperationStatus', id: STATUS.toLowerCase() },
  })
  t.end()
})

t.test('nobody else can, nor at another path, with another key or too late', (t) => {
  const target = parseTarget('GET', bound())
  t.equal(
    code(() => handles().owns(target, 'entra/t/bob')),
    'not_found',
  )
  t.equal(
    code(() => handles(1_000_000_000_000, randomBytes(32)).owns(target, 'entra/t/alice')),
    'not_found',
  )
  t.equal(
    code(() => handles(1_000_000_000_000 + 49 * 3_600_000).owns(target, 'entra/t/alice')),
    'not_found',
  )
  const other = parseTarget('GET', bound().replace('mv:1:2', 'mv:1:3'))
  t.equal(
    code(() => handles().owns(other, 'entra/t/alice')),
    'not_found',
  )
  const later = parseTarget('GET', bound().replace(/_operation\/./, '_operation/z'))
  t.equal(
    code(() => handles().owns(later, 'entra/t/alice')),
    'not_found',
  )
  for (const forged of ['x', `aaaaaaa.${'A'.repeat(43)}`, `${'a'.repeat(50)}.${'A'.repeat(43)}`]) {
    const raw = `/_operation/${forged}${STATUS}${V}`
    t.equal(
      code(() => handles().owns(parseTarget('GET', raw), 'entra/t/alice')),
      'not_found',
      forged,
    )
  }
  t.end()
})

t.test('only what leads to a location gets a handle', (t) => {
  const own = handles()
  for (const url of [
    `${GATEWAY}/subscriptions/0a/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/jobs/j`,
    `${GATEWAY}${P}/locations/eastus`,
    `https://gw.example.com.evil.example${STATUS}`,
    'https://evil.example/',
  ]) {
    t.equal(own.bind(url, 'a'), url)
  }
  t.equal(
    handles().owns(parseTarget('GET', `${STATUS}${V}`), 'anyone'),
    false,
    'a path without one is nobody’s',
  )
  t.end()
})

t.test('a handle opens nothing but the status of an operation', (t) => {
  const handle = bound().split('/')[2] ?? ''
  for (const [method, path] of [
    ['GET', `${P}/locations/eastus/quotas`],
    ['POST', `${P}/locations/eastus/updateQuotas`],
    ['GET', '/subscriptions/0a/resourceGroups/g'],
    ['GET', `/_operation/${handle}${STATUS}`],
    ['GET', '/_score/a/b/c/d/score'],
  ] as const) {
    t.equal(
      code(() => classify(parseTarget(method, `/_operation/${handle}${path}${V}`)).action),
      'unknown_operation',
      path,
    )
  }
  t.equal(
    code(() => classify(parseTarget('DELETE', bound()))),
    'unknown_operation',
  )
  t.equal(
    code(() => classify(parseTarget('GET', bound().split('?')[0] ?? ''))),
    'missing_api_version',
  )
  t.end()
})
