/**
 * Runs as run history shows them: jobs of ARM, runs of MLflow, and those that clients put here themselves.
 *
 * Source: the run history client within azure-ai-ml (`_restclient/runhistory`).
 * @module
 */
import { properties } from '../arm/documents.ts'
import { parseArmPath } from '../arm/paths.ts'
import type { Document, Store } from '../arm/store.ts'
import { json, type Answer, type Call } from '../../server/call.ts'
import type { Service } from './data-plane.ts'
import { experimentId, experimentName as nameOf } from './experiments.ts'
import { request } from '../../server/http.ts'
import type { Mlflow } from '../mlflow.ts'

const PATH =
  /^\/history\/v1\.0(\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/workspaces\/[^/]+)\/(?:experiment(?:s|ids)\/([^/:]+)\/)?(runs:query|rundata|experiments:query|runs\/[^/]+(?:\/children)?)$/i

export interface Run {
  readonly runId: string
  readonly rootRunId: string
  readonly parentRunId?: string
  readonly experiment: string
  readonly tags: Readonly<Record<string, string>>
}

interface RunsOptions {
  readonly store: Store
  readonly mlflow: Mlflow | null
  readonly pageSize: number
}

const texts = (value: unknown): Record<string, string> =>
  typeof value === 'object' && value !== null ? (value as Record<string, string>) : {}

function show({ experiment, ...run }: Run): object {
  return {
    ...run,
    experimentId: experimentId(experiment),
    status: 'Completed',
    runType: 'azureml',
    properties: {},
    // without these two SDK v1 makes no run of it, and stores nothing
    runNumber: 1,
    dataContainerId: `dcid.${run.runId}`,
  }
}

/** The run of one of ARM's jobs. */
function ofJob(runId: string, document: Document): Run {
  const { tags, experimentName } = properties(document)
  const experiment = typeof experimentName === 'string' ? experimentName : 'Default'
  return { runId, rootRunId: runId, experiment, tags: texts(tags) }
}

/** A page of runs, and the token for the next one. */
function page(runs: readonly Run[], size: number, token: string | undefined): Answer {
  const start = Number(token ?? 0)
  const value = runs.slice(start, start + size).map(show)
  const next = start + size
  return json(200, { value, ...(next < runs.length ? { continuationToken: String(next) } : {}) })
}

/** The runs that run history has. */
interface KnownRuns {
  find(workspace: string, id: string): Promise<Run | null>
  all(workspace: string): readonly Run[]
  /** Keeps a run that a client puts here. */
  keep(workspace: string, id: string, body: Document, experiment: string | undefined): Promise<Run>
}

/** A run as the MLflow server has it. */
async function ofMlflow(mlflow: Mlflow | null, id: string): Promise<Run | null> {
  if (mlflow === null) return null
  const url = `${await mlflow.url()}/api/2.0/mlflow/runs/get?run_id=${encodeURIComponent(id)}`
  const answer = await request(url)
  if (answer.status !== 200) return null
  const { run } = answer.json() as {
    run: { info: { experiment_id: string }; data: { tags?: { key: string; value: string }[] } }
  }
  const tags = Object.fromEntries((run.data.tags ?? []).map(({ key, value }) => [key, value]))
  const parentRunId = tags['mlflow.parentRunId']
  const parent = parentRunId === undefined ? null : await ofMlflow(mlflow, parentRunId)
  return {
    runId: id,
    rootRunId: parent?.rootRunId ?? id,
    ...(parentRunId === undefined ? {} : { parentRunId }),
    experiment: run.info.experiment_id,
    tags,
  }
}

/** The key of the job that a run is. */
function keyOf(workspace: string, id: string): string {
  return parseArmPath(`${workspace}/jobs/${id}`)?.key ?? ''
}

function createKnownRuns(store: Store, mlflow: Mlflow | null): KnownRuns {
  const kept = new Map<string, Run>()

  async function find(workspace: string, id: string): Promise<Run | null> {
    const key = keyOf(workspace, id)
    const job = store.get(key)
    if (job !== null && job.document['properties'] !== null)
      return ofJob(decodeURIComponent(id), job.document)
    return kept.get(key) ?? (await ofMlflow(mlflow, id))
  }

  return {
    find,
    all(workspace) {
      const base = parseArmPath(workspace)?.key ?? ''
      const jobs = store
        .list(`${base}/jobs`)
        .filter(({ document }) => document['properties'] !== null)
        .map(({ path, document }) => ofJob(path.pairs.at(-1)?.[1] ?? '', document))
      const others = [...kept].flatMap(([key, run]) =>
        key.startsWith(`${base}/jobs/`) ? [run] : [],
      )
      return [...jobs, ...others]
    },
    async keep(workspace, id, body, experiment) {
      const parentRunId = body['parentRunId']
      const parent = typeof parentRunId === 'string' ? await find(workspace, parentRunId) : null
      const run: Run = {
        runId: decodeURIComponent(id),
        rootRunId: parent?.rootRunId ?? decodeURIComponent(id),
        ...(typeof parentRunId === 'string' ? { parentRunId } : {}),
        experiment: parent?.experiment ?? experiment ?? 'Default',
        tags: texts(body['tags']),
      }
      kept.set(keyOf(workspace, id), run)
      // of the parts of a job, ARM has names and nothing else
      const path = parent === null ? null : parseArmPath(`${workspace}/jobs/${id}`)
      if (path !== null)
        store.put({ path, document: { id: path.id, name: run.runId, properties: null }, reads: 0 })
      return run
    },
  }
}

export function createRuns({ store, mlflow, pageSize }: RunsOptions): Service {
  const known = createKnownRuns(store, mlflow)

  function children(workspace: string, id: string, token: string | undefined): Answer | null {
    const below = known.all(workspace).filter((run) => run.parentRunId === decodeURIComponent(id))
    return below.length === 0 ? null : page(below, pageSize, token)
  }

  async function one(workspace: string, id: string): Promise<Answer | null> {
    const run = await known.find(workspace, id)
    return run === null ? null : json(200, show(run))
  }

  function experiments(workspace: string): Answer | null {
    const names = [...new Set(known.all(workspace).map((run) => run.experiment))]
    const value = names.map((name) => ({ experimentId: experimentId(name), name, tags: {} }))
    return value.length === 0 ? null : json(200, { value })
  }

  function query(workspace: string, experiment: string | undefined, token: unknown): Answer | null {
    const within = known.all(workspace).filter((run) => run.experiment === experiment)
    const start = typeof token === 'string' ? token : undefined
    return within.length === 0 ? null : page(within, pageSize, start)
  }

  return async (call) => {
    const [, workspace = '', within, rest = ''] = PATH.exec(call.path) ?? []
    const experiment = within === undefined ? undefined : nameOf(within)
    const [kind, id = '', below] = rest.split('/')
    if (workspace === '') return null
    const isRead = call.method === 'GET' || call.method === 'HEAD'
    const body = isRead ? {} : await readBody(call)
    if (kind === 'runs') {
      if (below !== undefined) return children(workspace, id, call.params.get('$continuationtoken'))
      if (isRead) return one(workspace, id)
      return typeof body['runId'] === 'string'
        ? json(200, show(await known.keep(workspace, id, body, experiment)))
        : null
    }
    if (kind === 'rundata') {
      const run = await known.find(workspace, String(body['runId']))
      return run === null ? null : json(200, { runMetadata: show(run) })
    }
    if (kind === 'experiments:query') return experiments(workspace)
    return query(workspace, experiment, body['continuationToken'])
  }
}

async function readBody(call: Call): Promise<Document> {
  const { content } = await call.body()
  try {
    const value: unknown = JSON.parse(content?.toString('utf8') ?? '')
    return typeof value === 'object' && value !== null ? (value as Document) : {}
  } catch {
    return {}
  }
}
