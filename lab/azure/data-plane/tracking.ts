/**
 * `/mlflow/v1.0<workspace>/api/2.0/mlflow/...`: a workspace's tracking server, answered by a real MLflow server.
 * @module
 */
import * as http from 'node:http'
import type { Mlflow } from '../mlflow.ts'
import type { Service } from './data-plane.ts'
import { json, type Answer } from '../../server/call.ts'

const TRACKING =
  /^\/mlflow\/v[12]\.0\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/(?:workspaces|registries)\/[^/]+(\/(?:api\/[23]\.\d\/(?:preview\/)?mlflow\/.*|version|v1\/traces))$/i
/** The server writes `<experiment>/<run>/artifacts`, Azure `<experiment>/runs/<run>/artifacts`. */
const RUN_ARTIFACTS = /(\/experiments\/\d+)\/([0-9a-f]{32}\/artifacts)/g

export function createTracking(mlflow: Mlflow): Service {
  return async (call) => {
    const asked = TRACKING.exec(call.path)?.[1]
    if (asked === undefined) return null
    // Azure's own two routes: what is logged at once is done when it is asked about
    if (asked.endsWith('/runs/get-run-data-status')) return json(200, { is_complete: true })
    const later = asked.endsWith('/runs/log-batch-async')
    const rest = later ? asked.replace('/preview/', '/').replace(/-async$/, '') : asked
    let origin: string
    try {
      origin = await mlflow.url()
    } catch (error) {
      const message = error instanceof Error ? error.message : 'it cannot be started'
      return json(503, { error_code: 'TEMPORARILY_UNAVAILABLE', message })
    }
    const query = (call.raw.request.url ?? '').slice(call.path.length)
    const body = (await call.body()).content ?? Buffer.alloc(0)
    const passed = ['content-type', 'content-encoding', 'x-mlflow-experiment-id'].flatMap(
      (name) => {
        const value = call.headers[name]
        return value === undefined ? [] : [[name, value] as const]
      },
    )
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const onward = http.request(
      `${origin}${rest}${query}`,
      {
        method: call.method,
        headers: {
          'content-length': String(body.length),
          ...Object.fromEntries(passed),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const text = Buffer.concat(chunks)
            .toString('utf8')
            .replaceAll(RUN_ARTIFACTS, '$1/runs/$2')
          if (later && incoming.statusCode === 200)
            return resolve(json(200, { batch_tracking_id: 'lab' }))
          const headers = { 'content-type': incoming.headers['content-type'] ?? 'text/plain' }
          resolve({ status: incoming.statusCode ?? 502, headers, body: text })
        })
      },
    )
    onward.on('error', reject)
    onward.end(body)
    return promise
  }
}
