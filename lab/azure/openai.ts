/**
 * A deployed model that speaks OpenAI's protocol, as the images of model catalogues do: chat completions, whole or as a
 * stream of chunks.
 *
 * https://platform.openai.com/docs/api-reference/chat
 * @module
 */
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { json, type Answer, type Body, type Call } from '../server/call.ts'

const CHUNK_INTERVAL_MS = 20

interface Asked {
  readonly model?: string
  readonly messages?: readonly { readonly role?: string; readonly content?: unknown }[]
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
}

/** OpenAI's form of an error. */
function refused(status: number, message: string): Answer {
  const error = { message, type: 'invalid_request_error', param: null, code: null }
  return json(status, { error })
}

function read(body: Body): Asked | null {
  try {
    const value: unknown = JSON.parse(body.content?.toString('utf8') ?? '')
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}

/** One word a chunk; usage comes last, and only to who asks for it. */
async function* chunks(shared: object, words: readonly string[], usage: object | null) {
  const event = (value: object): string => `data: ${JSON.stringify({ ...shared, ...value })}\n\n`
  const choice = (delta: object, reason: string | null = null): string =>
    event({ choices: [{ index: 0, delta, finish_reason: reason }] })
  yield choice({ role: 'assistant', content: '' })
  for (const word of words) {
    await delay(CHUNK_INTERVAL_MS)
    yield choice({ content: word })
  }
  yield choice({}, 'stop')
  if (usage !== null) yield event({ choices: [], usage })
  yield 'data: [DONE]\n\n'
}

/** Says the last message back. Null if the call is none of this protocol. */
export async function answerOpenai(call: Call): Promise<Answer | null> {
  if (call.path !== '/v1/chat/completions' || call.method !== 'POST') return null
  const asked = read(await call.body())
  const last = asked?.messages?.at(-1)?.content
  if (asked === null || typeof last !== 'string')
    return refused(400, 'messages: the last one has no text')
  const words = last.split(/(?<= )/)
  const created = Math.floor(Date.now() / 1000)
  const shared = { id: `chatcmpl-${randomUUID()}`, created, model: asked.model ?? 'model' }
  const usage = {
    prompt_tokens: words.length,
    completion_tokens: words.length,
    total_tokens: 2 * words.length,
  }
  if (asked.stream === true) {
    const object = 'chat.completion.chunk'
    const wanted = asked.stream_options?.include_usage === true ? usage : null
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
      body: Readable.from(chunks({ ...shared, object }, words, wanted)),
    }
  }
  const message = { role: 'assistant', content: last, refusal: null }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }]
  return json(200, { ...shared, object: 'chat.completion', choices, usage })
}
