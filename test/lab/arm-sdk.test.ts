/**
 * The lab's ARM as the published client sees it, without a gateway between: what fails here is the lab's fault.
 * @module
 */
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import t from 'tap'
import type { Lab } from '../../lab/lab.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE } from '../../lab/personas.ts'
import { identity, lab } from './helper.ts'

async function client(of: Lab, name = 'ml-writer'): Promise<AzureMachineLearningWorkspaces> {
  const token = await of.identities.mint(identity(name), 'https://management.azure.com')
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3e6 }) }
  return new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
    endpoint: of.urls.upstream,
    tlsOptions: { ca: of.certificates.ca },
    retryOptions: { maxRetries: 0 },
  })
}

t.test('creates a job, polls it to its end, lists over three pages and deletes', async (t) => {
  const running = await lab(t)
  const { jobs } = await client(running)
  const job = {
    properties: {
      jobType: 'Command' as const,
      command: 'echo',
      environmentId: 'azureml:e:1',
      computeId: 'cpu-cluster',
    },
  }
  for (let i = 1; i <= 5; i++) await jobs.createOrUpdate(RESOURCE_GROUP, WORKSPACE, `job-${i}`, job)
  const seen: (string | undefined)[] = []
  for (let i = 0; i < 3; i++)
    seen.push((await jobs.get(RESOURCE_GROUP, WORKSPACE, 'job-1')).properties.status)
  t.strictSame(seen, ['Starting', 'Running', 'Completed'])
  const pages: number[] = []
  for await (const page of jobs.list(RESOURCE_GROUP, WORKSPACE).byPage()) pages.push(page.length)
  t.strictSame(pages, [2, 2, 1])
  await jobs.beginDeleteAndWait(RESOURCE_GROUP, WORKSPACE, 'job-1', { updateIntervalInMs: 10 })
  await t.rejects(jobs.get(RESOURCE_GROUP, WORKSPACE, 'job-1'), {
    statusCode: 404,
    code: 'ResourceNotFound',
  })
})

t.test('creates an endpoint and a deployment, waits for both, and reads keys', async (t) => {
  const running = await lab(t)
  const { onlineEndpoints, onlineDeployments } = await client(running)
  const wait = { updateIntervalInMs: 10 }
  const endpoint = await onlineEndpoints.beginCreateOrUpdateAndWait(
    RESOURCE_GROUP,
    WORKSPACE,
    'endpoint-1',
    { location: 'eastus', properties: { authMode: 'AADToken' } },
    wait,
  )
  t.equal(endpoint.properties.provisioningState, 'Succeeded')
  const deployment = await onlineDeployments.beginCreateOrUpdateAndWait(
    RESOURCE_GROUP,
    WORKSPACE,
    'endpoint-1',
    'blue',
    { location: 'eastus', properties: { endpointComputeType: 'Managed', model: 'azureml:m:1' } },
    wait,
  )
  t.equal(deployment.properties.provisioningState, 'Succeeded')
  const keys = await onlineEndpoints.listKeys(RESOURCE_GROUP, WORKSPACE, 'endpoint-1')
  t.match(keys.primaryKey, /^lab-secret-/)
})

t.test('a refusal has ARM’s code in the client’s error', async (t) => {
  const running = await lab(t)
  const { modelVersions } = await client(running, 'ml-reader')
  const written = modelVersions.createOrUpdate(RESOURCE_GROUP, WORKSPACE, 'm', '1', {
    properties: { modelUri: 'azureml://x' },
  })
  await t.rejects(written, { statusCode: 403, code: 'AuthorizationFailed' })
})
