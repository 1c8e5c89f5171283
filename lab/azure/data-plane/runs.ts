/**
 * Runs as run history tells them: jobs of ARM, runs of MLflow, and those that clients put here themselves.
 *
 * Source: the run history client within azure-ai-ml (`_restclient/runhistory`).
 * @module
 */
import { properties } from '../arm/documents.ts'
import { parseArmPath } from '../arm/paths.ts'
import type { Document, Store } from '../arm/store.ts'
import { json, type Answer, type Call } from '../../server/call.ts'
import type { Service } from './data-plane.ts'
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
  // run history names experiments by an id of its own
  return { ...run, experimentId: `id-of-${experiment}`, status: 'Completed', runType: 'azureml' }
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

export function createRuns({ store, mlflow, pageSize }: RunsOptions): Service {
  const put = new Map<string, Run>()

  async function ofMlflow(id: string): Promise<Run | null> {
    if (mlflow === null) return null
    const url = `${await mlflow.url()}/api/2.0/mlflow/runs/get?run_id=${encodeURIComponent(id)}`
    const answer = await request(url)
    if (answer.status !== 200) return null
    const { run } = answer.json() as {
      run: { info: { experiment_id: string }; data: { tags?: { key: string; value: string }[] } }
    }
    const tags = Object.fromEntries((run.data.tags ?? []).map(({ key, value }) => [key, value]))
    const parentRunId = tags['mlflow.parentRunId']
    const above = parentRunId === undefined ? null : await ofMlflow(parentRunId)
    return {
      runId: id,
      rootRunId: above?.rootRunId ?? id,
      ...(parentRunId === undefined ? {} : { parentRunId }),
      experiment: run.info.experiment_id,
      tags,
    }
  }

  async function find(workspace: string, id: string): Promise<Run | null> {
    const key = parseArmPath(`${workspace}/jobs/${id}`)?.key ?? ''
    const job = store.get(key)
    if (job !== null && job.document['properties'] !== null)
      return ofJob(decodeURIComponent(id), job.document)
    return put.get(key) ?? (await ofMlflow(id))
  }

  function all(workspace: string): readonly Run[] {
    const base = parseArmPath(workspace)?.key ?? ''
    const jobs = store
      .list(`${base}/jobs`)
      .filter(({ document }) => document['properties'] !== null)
      .map(({ path, document }) => ofJob(path.pairs.at(-1)?.[1] ?? '', document))
    const others = [...put].flatMap(([key, run]) => (key.startsWith(`${base}/jobs/`) ? [run] : []))
    return [...jobs, ...others]
  }

  async function keep(workspace: string, id: string, body: Document, named: string | undefined) {
    const key = parseArmPath(`${workspace}/jobs/${id}`)?.key ?? ''
    const parentRunId = body['parentRunId']
    const above = typeof parentRunId === 'string' ? await find(workspace, parentRunId) : null
    const run: Run = {
      runId: decodeURIComponent(id),
      rootRunId: above?.rootRunId ?? decodeURIComponent(id),
      ...(typeof parentRunId === 'string' ? { parentRunId } : {}),
      experiment: above?.experiment ?? named ?? 'Default',
      tags: texts(body['tags']),
    }
    put.set(key, run)
    // of the parts of a job, ARM has names and nothing else
    if (above !== null) {
      const path = parseArmPath(`${workspace}/jobs/${id}`)
      if (path !== null)
        store.put({ path, document: { id: path.id, name: run.runId, properties: null }, reads: 0 })
    }
    return run
  }

  return async (call) => {
    const [, workspace = '', experiment, rest = ''] = PATH.exec(call.path) ?? []
    const [kind, id = '', children] = rest.split('/')
    if (workspace === '') return null
    const isRead = call.method === 'GET' || call.method === 'HEAD'
    const body = isRead ? {} : await readBody(call)
    if (kind === 'runs') {
      if (children !== undefined) {
        const below = all(workspace).filter((run) => run.parentRunId === decodeURIComponent(id))
        return below.length === 0
          ? null
          : page(below, pageSize, call.params.get('$continuationtoken'))
      }
      if (!isRead)
        return typeof body['runId'] === 'string'
          ? json(200, show(await keep(workspace, id, body, experiment)))
          : null
      const run = await find(workspace, id)
      return run === null ? null : json(200, show(run))
    }
    if (kind === 'rundata') {
      const run = await find(workspace, String(body['runId']))
      return run === null ? null : json(200, { runMetadata: show(run) })
    }
    const runs = all(workspace)
    if (kind === 'experiments:query') {
      const names = [...new Set(runs.map((run) => run.experiment))]
      const value = names.map((name) => ({ experimentId: `id-of-${name}`, name, tags: {} }))
      return value.length === 0 ? null : json(200, { value })
    }
    const within = runs.filter((run) => run.experiment === experiment)
    const token = body['continuationToken']
    const start = typeof token === 'string' ? token : undefined
    return within.length === 0 ? null : page(within, pageSize, start)
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
