/**
 * Jobs of batch endpoints, on the endpoint's own host: started there, and then documents of Resource Manager's.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { armError } from './arm/answers.ts'
import { notFound, parseDocument, properties } from './arm/documents.ts'
import { parseArmPath, PROVIDER, type ArmPath } from './arm/paths.ts'
import type { Resource, Store } from './arm/store.ts'
import { json, type Answer, type Call } from '../server/call.ts'

/** Null for a call that is not about jobs of a batch endpoint. */
export type BatchJobs = (call: Call) => Promise<Answer | null>

export function createBatchJobs(store: Store): BatchJobs {
  /** The endpoint whose host was called: all of a region share one space of names. */
  function endpointOf(call: Call): ArmPath | null {
    const name = (call.headers.host ?? '').split('.')[0]?.toLowerCase() ?? ''
    const found = store.below('', 'workspaces/batchendpoints')
    return found.find(({ path }) => path.key.endsWith(`/${name}`))?.path ?? null
  }

  async function start(call: Call, endpoint: ArmPath): Promise<Answer> {
    const given = properties(parseDocument(await call.body()) ?? {})
    const { name = randomUUID() } = given
    const path = parseArmPath(`${endpoint.id}/jobs/${String(name)}`)
    if (path === null) return armError(400, 'UserError', 'The name of the job is invalid.')
    const document = {
      id: path.id,
      name,
      type: `${PROVIDER}/workspaces/batchEndpoints/jobs`,
      properties: { ...given, status: 'Running' },
    }
    store.put({ path, document, reads: 0 })
    return json(201, document)
  }

  return async (call) => {
    const [, jobs, name] = call.path.split('/')
    const endpoint = jobs?.toLowerCase() === 'jobs' ? endpointOf(call) : null
    if (endpoint === null) return null
    if (name === undefined && call.method === 'POST') return start(call, endpoint)
    if (call.method !== 'GET') return armError(405, 'MethodNotAllowed', 'only GET and POST')
    if (name === undefined)
      return json(200, { value: store.list(`${endpoint.key}/jobs`).map(shown) })
    const path = parseArmPath(`${endpoint.id}/jobs/${name}`)
    const job = path === null ? null : store.get(path.key)
    return job === null ? notFound(path ?? endpoint) : json(200, shown(job))
  }
}

const shown = ({ document }: Resource): Resource['document'] => document
