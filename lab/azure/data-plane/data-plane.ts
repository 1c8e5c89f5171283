/**
 * The regional data plane (`/history`, `/mlflow`, `/artifact`, ...): keeps documents by path and gives them back.
 * @module
 */
import { armError, createHeaders } from '../arm/answers.ts'
import { bigAnswer } from '../arm/big.ts'
import type { Access } from '../arm/access.ts'
import { json, type Answer, type Call, type Handler } from '../../server/call.ts'

const FAMILIES = [
  'api',
  'artifact',
  'assetstore',
  'data',
  'dataset',
  'datastore',
  'discovery',
  'environment',
  'execution',
  'history',
  'hyperdrive',
  'jasmine',
  'mferp',
  'metric',
  'mlflow',
  'modelmanagement',
  'modelregistry',
  'pipelines',
  'registrymanagement',
  'studioservice',
]

/** Answers the calls of one service; null for any other call. */
export type Service = (call: Call) => Promise<Answer | null>

export interface DataPlaneOptions {
  readonly origin: string
  readonly access: (call: Call) => Promise<Access>
  /** Services that do more than keep documents; they are asked first. */
  readonly services?: readonly Service[]
}

/** The document behind `discoveryUrl`: a client reads its service hosts from it, without a token. */
function discovery(origin: string): Record<string, string> {
  const services = ['api', 'catalog', 'datastore', 'experimentation', 'history', 'hyperdrive']
  return Object.fromEntries(
    [...services, 'jobs', 'modelmanagement', 'pipelines', 'gallery'].map((name) => [name, origin]),
  )
}

export function createDataPlane(options: DataPlaneOptions): Handler {
  const documents = new Map<string, unknown>()
  const headersOf = createHeaders()

  async function route(call: Call): Promise<Answer> {
    const family = call.path.split('/')[1]?.toLowerCase() ?? ''
    if (!FAMILIES.includes(family))
      return armError(404, 'ServiceNotFound', `There is no service "${family}" on this host.`)
    const big = bigAnswer(call.path.slice(call.path.lastIndexOf('/') + 1))
    if (big !== null && call.method === 'GET') return big
    for (const service of options.services ?? []) {
      const answer = await service(call)
      if (answer !== null) return answer
    }
    const body = await call.body()
    if (call.method === 'GET' || call.method === 'HEAD') {
      const found = documents.get(call.path)
      if (found !== undefined) return json(200, found)
      return family === 'mlflow'
        ? json(404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'not found' })
        : armError(404, 'UserError', `Nothing was put at ${call.path}.`)
    }
    if (call.method === 'DELETE') {
      documents.delete(call.path)
      return { status: 204 }
    }
    let value: unknown = { bytes: body.bytes, sha256: body.sha256 }
    if (body.content !== null && /\bjson\b/i.test(call.headers['content-type'] ?? '')) {
      try {
        value = JSON.parse(body.content.toString('utf8'))
      } catch {
        return armError(400, 'UserError', 'The body is not JSON.')
      }
    }
    if (call.method !== 'POST') documents.set(call.path, value)
    return json(200, { path: call.path, method: call.method, received: value })
  }

  return async (call) => {
    if (call.method === 'GET' && call.path === '/discovery')
      return json(200, discovery(options.origin))
    const access = await options.access(call)
    const answer = 'refusal' in access ? access.refusal : await route(call)
    return { ...answer, headers: { ...headersOf(call), ...answer.headers } }
  }
}
