/**
 * Run history of jobs: `details`, which a client polls while it streams a job's log from storage.
 * @module
 */
import { armError } from '../arm/answers.ts'
import { properties } from '../arm/documents.ts'
import { parseArmPath } from '../arm/paths.ts'
import type { Store } from '../arm/store.ts'
import type { Service } from './data-plane.ts'
import { json } from '../../server/call.ts'
import type { Artifacts } from './artifacts.ts'

const DETAILS =
  /^\/history\/v1\.0(\/subscriptions\/.+\/workspaces\/([^/]+))\/runs\/([^/]+)\/details$/i
/** What is logged is kept at once: nothing is waited for. */
const INGESTED = /^\/history\/v1\.0\/subscriptions\/.+\/runs\/[^/]+\/metricsingest\/wait$/i
/** Polls until a job has ended; its log grows with each. */
const POLLS = 3

export function createHistory(store: Store, artifacts: Artifacts): Service {
  const polls = new Map<string, number>()

  return async (call) => {
    if (call.method === 'GET' && INGESTED.test(call.path)) return json(200, {})
    const [, scope = '', workspace = '', id = ''] = DETAILS.exec(call.path) ?? []
    if (scope === '' || call.method !== 'GET') return null
    const path = parseArmPath(`${scope}/jobs/${id}`)
    const job = path === null ? null : store.get(path.key)
    if (path === null || job === null) return armError(404, 'UserError', `Run ${id} was not found.`)
    const count = Math.min((polls.get(path.key) ?? 0) + 1, POLLS)
    polls.set(path.key, count)
    // ARM shows the same state: there a job moves on each time it is read
    if (count === POLLS) job.reads = Math.max(job.reads, POLLS)
    const name = decodeURIComponent(id)
    const lines = Array.from({ length: count }, (_, n) => `${name}: step ${n + 1} of ${POLLS}\n`)
    const log = 'user_logs/std_log.txt'
    const url = await artifacts.put(workspace, `dcid.${name}`, log, lines.join(''))
    const now = new Date().toISOString()
    return json(200, {
      runId: name,
      target: 'cpu-cluster',
      status: count < POLLS ? 'Running' : 'Completed',
      startTimeUtc: now,
      ...(count < POLLS ? {} : { endTimeUtc: now }),
      tags: properties(job.document)['tags'] ?? {},
      properties: {},
      inputDatasets: [],
      outputDatasets: [],
      logFiles: { [log]: url },
    })
  }
}
