import t from 'tap'
import { classify } from '../../../src/azureml/classify.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { Refusal } from '../../../src/errors.ts'
import { absent, fill, surface } from '../../support/surface.ts'

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-00000000000a'
const PROVIDER = 'providers/Microsoft.MachineLearningServices'
const W = `${SUBSCRIPTION}/resourceGroups/rg/${PROVIDER}/workspaces/ws`
const R = `${SUBSCRIPTION}/resourceGroups/rg/${PROVIDER}/registries/reg`

const judge = (method: string, path: string, version = 'api-version=2024-04-01') =>
  classify(parseTarget(method, version === '' ? path : `${path}?${version}`))

const code = (method: string, path: string, version?: string): string => {
  try {
    judge(method, path, version)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.code : 'not a refusal'
  }
}

t.test('every published ARM operation has its published action', { skip: absent }, (t) => {
  const operations = surface('operations.json')
  t.equal(operations.length, 216)
  for (const { method, path, armAction, returnsSecrets, longRunning, operationId } of operations) {
    const operation = judge(method, fill(path))
    t.match(
      operation,
      { action: armAction, secrets: returnsSecrets, longRunning, family: 'arm' },
      `${operationId}: ${method} ${path}`,
    )
    t.equal(judge(method, fill(path).toUpperCase()).action, armAction, `${operationId} in capitals`)
  }
  t.end()
})

t.test('the shapes that no swagger lists have theirs', { skip: absent }, (t) => {
  for (const { method, path, armAction } of surface('operations-extra-paths.json')) {
    for (const verb of method === '*' ? ['GET', 'PUT'] : method.split('|')) {
      if (armAction === null)
        t.equal(code(verb, fill(path).replace('...', 'x')), 'unknown_operation')
      else t.equal(judge(verb, fill(path)).action, armAction, `${verb} ${path}`)
    }
  }
  t.end()
})

t.test('a job is a resource in its workspace, resource group and subscription', (t) => {
  const id = `${W.toLowerCase()}/jobs/MyJob`
  t.strictSame(judge('PUT', `${W}/Jobs/MyJob`), {
    action: 'Microsoft.MachineLearningServices/workspaces/jobs/write',
    effect: 'write',
    resource: {
      type: 'Job',
      id,
      ancestors: [
        { type: 'Workspace', id: W.toLowerCase() },
        { type: 'ResourceGroup', id: `${SUBSCRIPTION}/resourcegroups/rg` },
        { type: 'Subscription', id: SUBSCRIPTION },
      ],
    },
    family: 'arm',
    secrets: false,
    longRunning: false,
    scope: W.toLowerCase(),
    inspectable: true,
  })
  t.end()
})

t.test('a collection has the type of its members and its own id', (t) => {
  const { resource, scope } = judge('GET', `${W}/models/M/versions`)
  t.equal(resource.type, 'ModelVersion')
  t.equal(resource.id, `${W.toLowerCase()}/models/M/versions`)
  t.strictSame(resource.ancestors[0], { type: 'Model', id: `${W.toLowerCase()}/models/M` })
  t.equal(scope, W.toLowerCase())
  const all = judge('GET', `${SUBSCRIPTION}/${PROVIDER}/workspaces`)
  t.strictSame(all.resource.ancestors, [{ type: 'Subscription', id: SUBSCRIPTION }])
  t.equal(all.scope, null)
  t.end()
})

t.test('position decides what a segment is, not its text', (t) => {
  const odd = judge('GET', `${W}/models/versions/versions/models`)
  t.equal(odd.action, 'Microsoft.MachineLearningServices/workspaces/models/versions/read')
  t.equal(odd.resource.id, `${W.toLowerCase()}/models/versions/versions/models`)
  t.equal(judge('GET', `${W}/models/providers`).resource.type, 'Model')
  t.equal(judge('GET', `${W}/data/token`).secrets, false)
  t.end()
})

t.test('case changes nothing but the names of assets', (t) => {
  t.strictSame(judge('GET', `${W.toUpperCase()}/COMPUTES/GPU`), judge('GET', `${W}/computes/gpu`))
  t.not(judge('GET', `${W}/models/A`).resource.id, judge('GET', `${W}/models/a`).resource.id)
  t.end()
})

t.test('what is newer than the catalog classifies by grammar', (t) => {
  const fresh = judge('POST', `${W}/onlineEndpoints/e/deployments/d/ScaleOut`)
  t.equal(fresh.effect, 'invoke')
  t.match(fresh.action, /onlineEndpoints\/deployments\/scaleout\/action$/)
  t.equal(fresh.secrets, false)
  t.equal(judge('POST', `${W}/computes/c/listAdminTokens`).secrets, true)
  const status = judge(
    'GET',
    `${SUBSCRIPTION}/${PROVIDER}/locations/westus/registryOperationsStatus/1`,
  )
  t.equal(status.resource.type, 'OperationStatus')
  t.end()
})

const PREVIEWS: readonly (readonly [method: string, path: string, action: string, type: string])[] =
  [
    ['PUT', `${W}/inferencePools/p`, 'workspaces/inferencePools/write', 'InferencePool'],
    [
      'PATCH',
      `${W}/inferencePools/p/endpoints/e`,
      'workspaces/inferencePools/endpoints/write',
      'InferenceEndpoint',
    ],
    [
      'DELETE',
      `${W}/inferencePools/p/groups/g`,
      'workspaces/inferencePools/groups/delete',
      'InferenceGroup',
    ],
    [
      'POST',
      `${W}/inferencePools/p/groups/g/getStatus`,
      'workspaces/inferencePools/groups/getStatus/action',
      'InferenceGroup',
    ],
    [
      'GET',
      `${W}/inferencePools/p/groups/g/skus`,
      'workspaces/inferencePools/groups/skus/read',
      'InferenceGroupSku',
    ],
    ['PUT', `${W}/labelingJobs/l`, 'workspaces/labelingJobs/write', 'LabelingJob'],
    ['POST', `${W}/labelingJobs/l/pause`, 'workspaces/labelingJobs/pause/action', 'LabelingJob'],
    ['GET', `${W}/deployments`, 'workspaces/deployments/read', 'EndpointDeployment'],
    [
      'PUT',
      `${W}/endpoints/e/raiPolicies/r`,
      'workspaces/endpoints/raiPolicies/write',
      'RaiPolicy',
    ],
    [
      'PUT',
      `${SUBSCRIPTION}/resourceGroups/rg/${PROVIDER}/capacityReserverationGroups/c`,
      'capacityReserverationGroups/write',
      'CapacityReservationGroup',
    ],
  ]
t.test('types of previews have actions by ARM’s rule', (t) => {
  for (const [method, path, action, type] of PREVIEWS) {
    const operation = judge(method, path)
    t.equal(operation.action, `Microsoft.MachineLearningServices/${action}`)
    t.equal(operation.resource.type, type)
  }
  t.equal(judge('POST', `${W}/labelingJobs/l/exportLabels`).secrets, true, 'its answer has a SAS')
  t.end()
})

t.test('POST is not always an action', (t) => {
  t.equal(judge('POST', `${W}/computes/c/listNodes`).effect, 'read')
  t.equal(judge('POST', `${W}/listNotebookKeys`).effect, 'invoke')
  t.equal(judge('POST', `${R}/datareferences/n/versions/1`).effect, 'read')
  t.equal(judge('POST', `${W}/batchEndpoints/e/jobs`).effect, 'write')
  t.end()
})

t.test('clients may look for their subscription, resource group and provider', (t) => {
  const group = judge('GET', `${SUBSCRIPTION}/resourceGroups/RG`)
  t.equal(group.action, 'Microsoft.Resources/subscriptions/resourceGroups/read')
  t.equal(group.resource.id, `${SUBSCRIPTION}/resourcegroups/rg`)
  t.equal(judge('GET', '/subscriptions').resource.type, 'Subscription')
  t.equal(judge('GET', `${SUBSCRIPTION}/${PROVIDER}`).resource.type, 'Provider')
  t.equal(code('DELETE', `${SUBSCRIPTION}/resourceGroups/rg`), 'method_not_allowed')
  t.end()
})

const REFUSED: readonly (readonly [string, string, string, string?])[] = [
  ['GET', `${W}/jobz`, 'unknown_operation'],
  ['GET', `${W}/widgets/1`, 'unknown_operation'],
  ['GET', `${W}/jobs/1/cancel`, 'unknown_operation'],
  ['POST', `${W}/widgets/1/run`, 'unknown_operation'],
  ['POST', `${W}/*`, 'unknown_operation'],
  ['POST', `${W}/jobs/1/a*b`, 'unknown_operation'],
  ['GET', `${SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines`, 'unknown_operation'],
  ['PUT', `${W}/providers/Microsoft.Authorization/roleAssignments/1`, 'unknown_operation'],
  ['GET', `${W}/jobs/1/providers/Microsoft.Insights/metricDefinitions`, 'unknown_operation'],
  ['GET', '/nowhere', 'unknown_operation'],
  ['GET', '/', 'unknown_operation'],
  ['GET', '/subscriptions/s/widgets', 'unknown_operation'],
  ['GET', `/${PROVIDER}/workspaces`, 'unknown_operation'],
  ['GET', `/${PROVIDER}/workspaces/ws`, 'unknown_operation'],
  ['GET', `${SUBSCRIPTION}/${PROVIDER}/workspaces/ws`, 'unknown_operation'],
  ['GET', `${SUBSCRIPTION}/${PROVIDER}/workspaces/ws/jobs`, 'unknown_operation'],
  ['GET', `${SUBSCRIPTION}/${PROVIDER}/operations`, 'unknown_operation'],
  ['GET', `${SUBSCRIPTION}/resourceGroups/rg/${PROVIDER}/locations/l/usages`, 'unknown_operation'],
  ['POST', `/${PROVIDER}/register`, 'unknown_operation'],
  ['GET', `/subscriptions/${PROVIDER}/workspaces`, 'unknown_operation'],
  ['GET', '/subscriptions/s/resourceGroups/g/providers', 'unknown_operation'],
  ['POST', '/batch', 'tunnel_refused'],
  ['POST', `${W}/$batch`, 'tunnel_refused'],
  ['PUT', `${SUBSCRIPTION}/providers/Microsoft.Resources/deployments/d`, 'tunnel_refused'],
  ['PUT', `${W}/providers/microsoft.resources/deployments/d`, 'tunnel_refused'],
  ['POST', `${W}/jobs/1`, 'method_not_allowed'],
  ['POST', `${W}/jobs`, 'method_not_allowed'],
  ['PUT', `${W}/jobs`, 'method_not_allowed'],
  ['DELETE', `${W}/jobs/1/cancel`, 'method_not_allowed'],
  ['GET', `${W}/jobs`, 'missing_api_version', ''],
  ['GET', `${W}/jobs`, 'missing_api_version', 'api-version='],
  ['GET', `${W}/jobs`, 'bad_query', 'api-version=latest'],
  ['GET', `${W}/jobs`, 'bad_query', 'api-version=2024-13-01'],
]

t.test('anything else is refused by name', (t) => {
  for (const [method, path, expected, version] of REFUSED) {
    t.equal(code(method, path, version), expected, `${method} ${path} ${version ?? ''}`)
  }
  try {
    judge('GET', `${W}/jobz`)
    t.fail('accepted')
  } catch (error) {
    t.match(error, { detail: { remedy: /"jobs"/ } }, 'with the nearest type that is known')
  }
  t.end()
})
