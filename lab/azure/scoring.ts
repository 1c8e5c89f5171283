/**
 * The host of an endpoint. A deployed model: `POST /score` echoes; asked for `text/event-stream` it streams, one event at a
 * time. Below `/v1` it speaks OpenAI's protocol. Jobs of batch endpoints are at `/jobs`.
 * @module
 */
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { randomUUID } from 'node:crypto'
import { armError } from './arm/answers.ts'
import type { Access } from './arm/access.ts'
import type { BatchJobs } from './batch-jobs.ts'
import { answerOpenai } from './openai.ts'
import { json, type Answer, type Call, type Handler } from '../server/call.ts'

const EVENT_INTERVAL_MS = 50
const EVENTS = 5

async function* events(count: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n++) {
    if (n > 0) await delay(EVENT_INTERVAL_MS)
    yield `id: ${n}\ndata: ${JSON.stringify({ n, at: Date.now() })}\n\n`
  }
  yield 'data: [DONE]\n\n'
}

async function route(call: Call, batchJobs: BatchJobs): Promise<Answer> {
  const job = await batchJobs(call)
  if (job !== null) return { ...job, headers: { 'x-ms-request-id': randomUUID(), ...job.headers } }
  const body = await call.body()
  if (call.path === '/swagger.json' && call.method === 'GET') return json(200, { openapi: '3.0.0' })
  if (call.method !== 'POST') return armError(405, 'MethodNotAllowed', 'only POST')
  const deployment = call.headers['azureml-model-deployment'] ?? 'blue'
  const headers = {
    'x-ms-request-id': randomUUID(),
    'x-request-id': randomUUID(),
    'azureml-model-deployment': deployment,
  }
  const completion = await answerOpenai(call)
  if (completion !== null) return { ...completion, headers: { ...headers, ...completion.headers } }
  const wanted = Number(call.params.get('events') ?? EVENTS)
  if (/text\/event-stream/.test(call.headers.accept ?? '')) {
    const type = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
    return { status: 200, headers: { ...headers, ...type }, body: Readable.from(events(wanted)) }
  }
  const input = body.content?.toString('utf8') ?? ''
  return json(200, { deployment, bytes: body.bytes, sha256: body.sha256, input }, headers)
}

export function createScoring(
  access: (call: Call) => Promise<Access>,
  batchJobs: BatchJobs,
): Handler {
  return async (call) => {
    const found = await access(call)
    return 'refusal' in found ? found.refusal : route(call, batchJobs)
  }
}
