/**
 * The isolation example against a scripted attacker: a member of one project makes every write of the catalogue, then every
 * read, and gets nothing of the other project's.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { TENANT, workspaceId } from '../../lab/personas.ts'
import { classify } from '../../src/azureml/classify.ts'
import { FAMILY_NAMES, mountsOf } from '../../src/azureml/dataplane/families.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { ACTIONS } from '../../src/vocabulary/actions.ts'
import { RESOURCE_TYPES } from '../../src/vocabulary/resource-types.ts'
import { SHIPPED } from '../policy/support.ts'
import { startGateway } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const API = '?api-version=2024-04-01'
const MEMBERS = `${TENANT}/33333333-3333-4333-8333-333333333301`
const EXAMPLE = join(SHIPPED, 'examples', 'isolation', 'projects.cedar')
const FOR_OWNER = `
@id("owner")
@reason("the other project's owner")
@identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action, resource);
`
/** In documents of the other project only: whoever has it has read one. */
const MARK = 'mark-of-the-other-project'
const THEIRS = 'azureml://datastores/projects/paths/fraud/rows'
const OWN = { project: 'churn' }
const OTHER = { project: 'fraud' }

interface Step {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** The run that a body names. */
  readonly run?: string
}

/** The other project's job, and a step of it: ARM has the step's name alone, run history whose it is. */
const RUNS = ['fraud4', 'fraud-part'] as const

/** What the other project has: a document for each type that holds any. */
function theirs(tags: Record<string, string>, description: string): readonly Step[] {
  const job = {
    jobType: 'Command',
    command: 'x',
    environmentId: 'azureml:sklearn:1',
    tags,
    description,
  }
  const put = (path: string, body: unknown): Step => ({
    method: 'PUT',
    path: `${W}/${path}${API}`,
    body,
  })
  const tracked = { location: 'eastus', tags }
  return [
    put('jobs/fraud4', { properties: job }),
    {
      method: 'PATCH',
      path: `/history/v1.0${W}/runs/fraud-part`,
      body: { runId: 'fraud-part', parentRunId: 'fraud4', tags: { note: description } },
    },
    put('schedules/fraud-nightly', {
      properties: {
        description,
        trigger: { triggerType: 'Cron', expression: '0 5 * * *' },
        action: { actionType: 'CreateJob', jobDefinition: job },
      },
    }),
    put('models/fraud-model/versions/1', { properties: { tags, description, modelUri: THEIRS } }),
    put('data/fraud-rows/versions/1', {
      properties: { dataType: 'uri_folder', dataUri: THEIRS, tags, description },
    }),
    put('codes/fraud-code/versions/1', {
      properties: { codeUri: 'https://fraud.blob.core.windows.net/c/x', tags, description },
    }),
    put('components/fraud-step/versions/1', {
      properties: { tags, description, componentSpec: { type: 'command', command: 'x' } },
    }),
    put('onlineEndpoints/fraud-ep', {
      ...tracked,
      properties: { authMode: 'AADToken', description },
    }),
    put('onlineEndpoints/fraud-ep/deployments/blue', {
      ...tracked,
      properties: { model: 'azureml:fraud-model:1', description },
    }),
    put('batchEndpoints/fraud-be', {
      ...tracked,
      properties: { authMode: 'AADToken', description },
    }),
    put('datastores/fraudstore', {
      properties: {
        datastoreType: 'AzureBlob',
        accountName: 'fraud',
        containerName: 'fraud',
        credentials: { credentialsType: 'None' },
        tags,
        description,
      },
    }),
  ]
}

/** The same shapes, told to be the attacker's own, under the other project's names and under new ones. */
function hostile(path: string, run: string): unknown {
  const name = path.split('/').at(-1)
  const properties = {
    jobType: 'Command',
    command: `cat ${THEIRS}`,
    environmentId: 'azureml:sklearn:1',
    computeId: 'azureml:cpu-cluster',
    tags: OWN,
    dataType: 'uri_folder',
    dataUri: THEIRS,
    modelUri: THEIRS,
    codeUri: 'https://fraud.blob.core.windows.net/c/x',
    componentSpec: { type: 'command', inputs: { a: { type: 'uri_folder', default: THEIRS } } },
    datastoreType: 'AzureBlob',
    accountName: 'fraud',
    containerName: 'fraud',
    inputs: { a: { jobInputType: 'uri_folder', uri: THEIRS } },
    action: {
      actionType: 'CreateJob',
      jobDefinition: { jobType: 'Command', tags: OWN, codeId: 'azureml:fraud-code:1' },
    },
  }
  // data-plane bodies have all this at the top
  return {
    ...properties,
    properties,
    name,
    run_id: run,
    runId: run,
    experiment_id: 'fraud',
    trace_ids: ['fraud4'],
    model_id: 'fraud4',
    request_ids: ['fraud4'],
    prompt_versions: [{ name: 'fraud-model', version: '1' }],
    key: 'project',
    value: 'churn',
  }
}

const NAMES: Readonly<Record<string, string>> = {
  jobs: 'fraud4', schedules: 'fraud-nightly', models: 'fraud-model', data: 'fraud-rows', codes: 'fraud-code',
  components: 'fraud-step', versions: '1', onlineEndpoints: 'fraud-ep', batchEndpoints: 'fraud-be', deployments: 'blue',
  datastores: 'fraudstore', runs: 'fraud4', experiments: 'fraud',
} // prettier-ignore

function armSteps(run: string): readonly Step[] {
  const steps: Step[] = []
  const known: typeof NAMES = { ...NAMES, jobs: run }
  for (const { path: type } of RESOURCE_TYPES) {
    const segments = type.split('/').slice(1)
    if (!type.startsWith('workspaces/') || segments.includes('providers')) continue
    for (const owned of [true, false]) {
      const names = segments.map((one) => (owned ? (known[one] ?? 'fraud') : 'churn1'))
      const item = `${W}/${segments.map((one, at) => `${one}/${names[at]}`).join('/')}`
      const collection = item.slice(0, item.lastIndexOf('/'))
      for (const method of ['PUT', 'PATCH', 'POST', 'GET', 'DELETE'])
        steps.push({ method, path: `${item}${API}` })
      for (const method of ['POST', 'GET']) steps.push({ method, path: `${collection}${API}` })
      for (const { name } of ACTIONS) {
        const [, verb] = new RegExp(`/${type}/(\\w+)(?:/action|/read)$`, 'i').exec(name) ?? []
        if (verb !== undefined) steps.push({ method: 'POST', path: `${item}/${verb}${API}` })
      }
    }
  }
  return steps
}

function dataPlaneSteps(run: string): readonly Step[] {
  const names: Readonly<Record<string, string>> = {
    Run: run, Trace: 'fraud4', LoggedModel: 'fraud4', EvaluationDataset: 'fraud4', Experiment: 'fraud', Model: 'fraud-model:1',
    Data: 'fraud-rows', DataVersion: '1', Artifact: `dcid.${run}`,
    Datastore: 'fraudstore',
  } // prettier-ignore
  return FAMILY_NAMES.flatMap((family) =>
    mountsOf(family).flatMap(({ family: { routes }, before, after, versioned }) =>
      routes.map(({ method, pattern }) => {
        const rest = pattern.map((part) =>
          part.kind === null
            ? part.before
            : `${part.before}${names[part.kind] ?? 'fraud'}${part.after}`,
        )
        const head = [family, ...(versioned ? ['v1.0'] : []), ...before].join('/')
        const query = method === 'GET' && family === 'mlflow' ? `?run_id=${run}` : ''
        return { method, path: `/${head}${W}/${[...after, ...rest].join('/')}${query}`, run }
      }),
    ),
  )
}

/** What a call does; null for one that the gateway does not know. */
function effectOf({ method, path }: Step): string | null {
  try {
    return classify(parseTarget(method, path)).effect
  } catch {
    return null
  }
}

t.test('isolation holds', async (t) => {
  const example = (await readFile(EXAMPLE, 'utf8')).replaceAll(
    '00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111',
    MEMBERS,
  )
  const own = await ownPolicies({ 'projects.cedar': example, 'owner.cedar': FOR_OWNER })
  const world = await startGateway({ gateway: { change: own.change } })
  t.teardown(async () => {
    await world.close()
    await own.remove()
  })
  const tokens = {
    owner: await world.lab.token('reader'),
    member: await world.lab.token('scientist'),
  }
  async function call(who: keyof typeof tokens, { method, path, body }: Step) {
    const text = body === undefined ? '' : JSON.stringify(body)
    return world.send(path, {
      method,
      headers: {
        authorization: `Bearer ${tokens[who]}`,
        ...(text === ''
          ? {}
          : {
              'content-type': 'application/json',
              'content-length': String(Buffer.byteLength(text)),
            }),
      },
      ...(text === '' ? {} : { body: text }),
    })
  }
  for (const step of theirs(OTHER, MARK)) {
    const answer = await call('owner', step)
    t.ok(answer.status < 300, `${step.path} ${answer.text}`)
  }

  const all = RUNS.flatMap((run) => [...armSteps(run), ...dataPlaneSteps(run)]).map((step) => ({
    ...step,
    effect: effectOf(step),
  }))
  t.ok(all.length > 700, `${all.length} calls`)

  await t.test('an honest member works', async (t) => {
    const mine = 'azureml://datastores/projects/paths/churn/rows'
    const job = {
      jobType: 'Command', command: 'x', environmentId: 'azureml:sklearn:1', computeId: 'azureml:cpu-cluster', tags: OWN,
      inputs: { a: { jobInputType: 'uri_folder', uri: mine } },
    } // prettier-ignore
    const action = { actionType: 'CreateJob', jobDefinition: job }
    const trigger = { triggerType: 'Cron', expression: '0 5 * * *' }
    for (const [path, properties] of [
      ['jobs/churn4', job],
      ['schedules/churn-nightly', { trigger, action }],
      ['data/churn-rows/versions/1', { dataType: 'uri_folder', dataUri: mine, tags: OWN }],
      ['models/churn-model/versions/1', { modelUri: mine, tags: OWN }],
    ] as const) {
      const made = await call('member', {
        method: 'PUT',
        path: `${W}/${path}${API}`,
        body: { properties },
      })
      t.ok(made.status < 300, `${path} ${made.text}`)
      const read = await call('member', { method: 'GET', path: `${W}/${path}${API}` })
      t.equal(read.status, 200, `${path} ${read.text}`)
      const list = await call('member', {
        method: 'GET',
        path: `${W}/${path.replace(/\/[^/]+$/, '')}${API}`,
      })
      t.match(list.text, /churn/, path)
      t.notMatch(list.text, /fraud/, path)
    }
  })

  await t.test('no write of theirs, or of what leads to theirs, reaches Azure', async (t) => {
    await world.clear()
    for (const step of all) {
      if (step.effect === 'read' || step.effect === null) continue
      const body =
        step.method === 'DELETE'
          ? undefined
          : hostile(step.path.split('?')[0] ?? '', step.run ?? 'fraud4')
      const answer = await call('member', body === undefined ? step : { ...step, body })
      t.notMatch(answer.text, MARK, `${step.method} ${step.path}`)
    }
    const changes = world.lab
      .requests()
      .map(({ method, url }) => ({ method, path: url.replace(/^https?:\/\/[^/]+/, '') }))
      .filter((one) => one.method !== 'GET' && effectOf(one) !== 'read')
    for (const { method, path } of changes) {
      // the member's own job may be cancelled
      if (method === 'POST' && path.startsWith(`${W}/jobs/churn1/cancel`)) continue
      // Azure itself says that there is nothing to delete
      const { status } = await call('owner', { method: 'GET', path })
      t.equal(`${method} ${status}`, 'DELETE 404', path)
    }
  })

  await t.test('no read shows anything of theirs', async (t) => {
    for (const step of all) {
      if (step.effect !== 'read') continue
      const body =
        step.method === 'POST'
          ? { run_id: step.run, runId: step.run, experiment_ids: ['0'] }
          : undefined
      const answer = await call('member', body === undefined ? step : { ...step, body })
      t.notMatch(answer.text, MARK, `${step.method} ${step.path}`)
    }
    const seen = await call('owner', { method: 'GET', path: `${W}/jobs/fraud4${API}` })
    t.match(seen.text, MARK, 'it is there all the same')
    for (const path of [`runs/fraud-part`, 'runs/fraud4/children']) {
      const part = await call('owner', { method: 'GET', path: `/history/v1.0${W}/${path}` })
      t.match(part.text, MARK, `${path} is there, too`)
    }
  })
})
