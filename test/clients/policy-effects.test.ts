/**
 * Effects of policies as the published JavaScript client meets them: pins, stamps, projects kept apart.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import type { JobBase as Job } from '@azure/arm-machinelearning'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import {
  RESOURCE_GROUP as RG,
  SUBSCRIPTION,
  WORKSPACE as WS,
  workspaceId,
} from '../../lab/personas.ts'

const ROOT = workspaceId().toLowerCase()

/** Two projects share the workspace: their data are in folders, their runs have tags. */
const PROJECTS = `
@id("own-data")
@reason("project a keeps to its own folder of the shared datastore")
forbid (
  principal,
  action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/write",
  resource is Job
)
unless {
  context has datastores && ["workspaceblobstore", "shared"].containsAll(context.datastores) &&
  context has folders && ["azureml://datastores/shared/paths/a"].containsAll(context.folders)
};

@id("no-broken-model")
@reason("version 2 of the environment is withdrawn")
forbid (principal, action in Action::"write", resource is Job)
when { context has environments && context.environments.contains("withdrawn:2") };

@id("own-runs")
@reason("runs of project b are for project b")
forbid (principal, action in Action::"read", resource)
when { context has tags && context.tags.contains("project=b") };

@id("one-model")
@reason("this model is not for everybody")
forbid (
  principal,
  action in Action::"read",
  resource == Model::"${ROOT}/models/secret"
);
`
const RECORDING = `
@id("recorded")
@reason("scientists write jobs, on the record")
@identity("ml-writer")
@record("body")
permit (
  principal in Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301",
  action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/write",
  resource is Job
);
`

let world: World
const policies = await ownPolicies({ 'projects.cedar': PROJECTS, 'recording.cedar': RECORDING })
t.before(async () => {
  world = await startGateway({
    gateway: { change: policies.change },
    lab: { pageSize: 2 },
  })
  const client = clientOf('scientist')
  for (const version of ['1', '2', '7']) {
    await client.environmentVersions.createOrUpdate(RG, WS, 'sklearn', version, {
      properties: { image: 'python:3.12' },
    })
  }
  for (const version of ['1', '2']) {
    await client.environmentVersions.createOrUpdate(RG, WS, 'withdrawn', version, {
      properties: { image: 'python:3.12' },
    })
  }
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

function clientOf(persona: string): AzureMachineLearningWorkspaces {
  const credential = {
    getToken: async () => ({
      token: await world.lab.token(persona),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  return new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, { endpoint: world.url })
}

const jobOf = (properties: object): Job => ({
  properties: {
    jobType: 'Command',
    command: 'python train.py',
    environmentId: 'azureml:sklearn@latest',
    computeId: 'azureml:cpu-cluster',
    ...properties,
  },
})

/** The decision record of the last write of a job. */
async function decisionOf(name: string) {
  const rows = await world.allRecords()
  const found = rows.findLast(
    (row) =>
      row['JobName'] === name && row['RecordKind'] !== 'completed' && row['Effect'] === 'write',
  )
  if (found === undefined) throw new Error(`no record of ${name}`)
  return found
}

const tagsOf = (job: Job): Record<string, string | null> => job.properties.tags ?? {}

t.test('a job with @latest arrives pinned and stamped', async (t) => {
  const created = await clientOf('scientist').jobs.createOrUpdate(
    RG,
    WS,
    'pinned',
    jobOf({ tags: { mine: 'x' } }),
  )
  t.match(created.properties, { environmentId: 'azureml:sklearn:7' })
  const row = await decisionOf('pinned')
  const tags = tagsOf(created)
  t.match(tags, {
    mine: 'x',
    'harness.principal': row['PrincipalId'],
    'harness.decision': row['ExchangeId'],
    'harness.policy': row['PolicyVersion'],
    'harness.digest': /^[0-9a-f]{64}$/,
  })
})

t.test(
  'the record has both digests, what was changed and, where policy says so, the facts',
  async (t) => {
    const row = await decisionOf('pinned')
    const arrived = world.lab
      .requests()
      .findLast((entry) => entry.method === 'PUT' && entry.url.includes('/jobs/pinned'))
    t.equal(row['SentSha256'], arrived?.bodySha256)
    t.match(row['BodySha256'], /^[0-9a-f]{64}$/)
    t.not(row['BodySha256'], row['SentSha256'])
    t.match(row['Changes'], [
      { effect: 'pin', at: '/properties/environmentId', to: 'sklearn:7' },
      { effect: 'stamp', at: '/properties/tags' },
    ])
    t.match(row['Body'], {
      jobTypes: ['command'],
      environments: ['sklearn:7'],
      computes: ['cpu-cluster'],
    })
    t.notMatch(JSON.stringify(row['Body']), /train\.py|mine/)
  },
)

t.test('a stamped, pinned job that is submitted again is the same job', async (t) => {
  const client = clientOf('scientist')
  const first = await client.jobs.get(RG, WS, 'pinned')
  const again = await client.jobs.createOrUpdate(RG, WS, 'again', { properties: first.properties })
  t.equal(tagsOf(again)['harness.digest'], tagsOf(first)['harness.digest'])
  t.not(tagsOf(again)['harness.decision'], tagsOf(first)['harness.decision'])
  t.same(Object.keys(tagsOf(again)).sort(), Object.keys(tagsOf(first)).sort())
})

t.test('what is pinned is judged: a withdrawn version does not pass as @latest', async (t) => {
  const job = jobOf({ environmentId: 'azureml:withdrawn@latest' })
  await t.rejects(clientOf('scientist').jobs.createOrUpdate(RG, WS, 'withdrawn', job), {
    statusCode: 403,
    code: 'policy_refused',
    message: /version 2 of the environment is withdrawn/,
  })
})

t.test('what cannot be pinned is refused by name', async (t) => {
  const client = clientOf('scientist')
  for (const [environmentId, why] of [
    ['azureml:unknown@latest', /"unknown" cannot be pinned: it has no version/],
    ['azureml:sklearn@stable', /"sklearn" cannot be pinned: azure has no label "stable"/],
    ['azureml://registries/nowhere/environments/x/labels/latest', /no registry "nowhere"/],
    ['azureml:sklearn', /neither a version nor a label/],
  ] as const) {
    await t.rejects(client.jobs.createOrUpdate(RG, WS, 'no', jobOf({ environmentId })), {
      statusCode: 403,
      code: 'policy_refused',
      message: why,
    })
    const { Decision, PolicyIds, Reason } = await decisionOf('no')
    t.same([Decision, PolicyIds], ['refuse', undefined], 'no policy decided so')
    t.match(Reason, '"(...)"')
    t.notMatch(Reason, /sklearn|unknown|nowhere/, 'the name is not repeated')
  }
})

/** A job that reads this. This version of the client drops the `uri` of a job's own inputs, but sends those of steps. */
const reading = (uri: string): Job =>
  ({
    properties: {
      jobType: 'Pipeline',
      jobs: {
        read: {
          type: 'command',
          componentId: 'azureml:read:1',
          inputs: { x: { job_input_type: 'uri_folder', uri } },
        },
      },
    },
  }) as unknown as Job

t.test("a job that reads another project's data is refused with the reason", async (t) => {
  const client = clientOf('scientist')
  t.ok(
    await client.jobs.createOrUpdate(
      RG,
      WS,
      'own',
      reading('azureml://datastores/shared/paths/a/rows'),
    ),
  )
  await world.clear()
  for (const uri of [
    'azureml://datastores/shared/paths/b/rows',
    'azureml://datastores/Project_B/paths/a',
    `azureml:${workspaceId()}/datastores/shared/paths/b`,
    `azureml://subscriptions/${SUBSCRIPTION}/resourcegroups/${RG}/workspaces/${WS}/datastores/shared/paths/b/x`,
    `azureml://subscriptions/${SUBSCRIPTION}/resourcegroups/${RG}/workspaces/ws-other/datastores/shared/paths/a/x`,
    'https://labstorage.blob.core.windows.net/shared/a',
  ]) {
    await t.rejects(
      client.jobs.createOrUpdate(RG, WS, 'other', reading(uri)),
      {
        statusCode: 403,
        code: 'policy_refused',
        message: /project a keeps to its own folder/,
      },
      uri,
    )
  }
  await t.rejects(
    client.jobs.createOrUpdate(
      RG,
      WS,
      'other',
      reading('azureml://datastores/shared/paths/a/../b'),
    ),
    { statusCode: 400, code: 'bad_body' },
  )
  t.same(
    world.lab.requests().filter(({ method }) => method === 'PUT'),
    [],
    'nothing of it reached Azure',
  )
})

t.test('lists leave the other project out, over pages', async (t) => {
  const client = clientOf('scientist')
  for (const [name, project] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['b2', 'b'],
    ['b3', 'b'],
    ['a2', 'a'],
  ] as const)
    await client.jobs.createOrUpdate(RG, WS, name, jobOf({ tags: { project } }))
  const names: string[] = []
  let pages = 0
  for await (const page of client.jobs.list(RG, WS).byPage()) {
    pages += 1
    names.push(...page.map((job) => job.name ?? ''))
  }
  t.same(names.sort(), ['a1', 'a2', 'again', 'own', 'pinned'])
  t.equal(pages, 4, 'eight jobs, two a page')
  // the last page's record is on its way when its answer is there
  const leftOut = async (): Promise<number> => {
    const rows = (await world.allRecords()).filter((row) => row['RecordKind'] === 'completed')
    return rows.reduce((sum, row) => sum + Number(row['ItemsLeftOut'] ?? 0), 0)
  }
  for (let tries = 0; tries < 100 && (await leftOut()) < 3; tries += 1) await delay(20)
  t.equal(await leftOut(), 3)
})

t.test('what is left out of lists cannot be read by name', async (t) => {
  const client = clientOf('scientist')
  t.equal((await client.jobs.get(RG, WS, 'a1')).name, 'a1')
  await t.rejects(client.jobs.get(RG, WS, 'b1'), {
    statusCode: 403,
    code: 'policy_refused',
    message: /runs of project b/,
  })
})

t.test('an item that a policy names is left out of the list of its kind', async (t) => {
  const client = clientOf('scientist')
  for (const name of ['open', 'secret'])
    await client.modelVersions.createOrUpdate(RG, WS, name, '1', {
      properties: { modelUri: 'azureml://jobs/j/outputs/artifacts/paths/m' },
    })
  const names: string[] = []
  for await (const model of client.modelContainers.list(RG, WS)) names.push(model.name ?? '')
  t.same(names, ['open'])
})

t.test('bytes that no effect changes arrive as they were', async (t) => {
  const token = await world.lab.token('scientist')
  const body =
    '{ "properties" : {"jobType":"Command", "environmentId":"azureml:sklearn@latest",\n "big": 12345678901234567890, "one": 1.0, "e": 1E+2, "u":"\\u00e9", "tags": { "a" : "b" } } }'
  const answer = await world.send(`${workspaceId()}/jobs/bytes?api-version=2024-04-01`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
  })
  t.equal(answer.status, 201)
  const row = await decisionOf('bytes')
  const tags = ['principal', 'decision', 'policy', 'digest'].map((name) => {
    const value = {
      principal: row['PrincipalId'],
      decision: row['ExchangeId'],
      policy: row['PolicyVersion'],
      digest: (row['Changes'] as { to: string }[])[1]?.to,
    }[name]
    return `"harness.${name}":${JSON.stringify(value)}`
  })
  const expected = body
    .replace('sklearn@latest', 'sklearn:7')
    .replace('{ "a" : "b" }', `{ "a" : "b",${tags.join(',')} }`)
  const arrived = world.lab.requests().findLast((entry) => entry.url.includes('/jobs/bytes'))
  t.equal(arrived?.bodySha256, createHash('sha256').update(expected).digest('hex'))
})
