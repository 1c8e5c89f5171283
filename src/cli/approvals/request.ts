/**
 * `approvals request`: asks for a review of a change, which is not made.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { membersOf, parseStrictJson } from '../../lib/strict-json.ts'
import { list, object, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem, UsageError } from '../problem.ts'
import { freshCredential, type Wanted } from '../session/credential.ts'
import { createNetwork } from '../sign-in/network.ts'

export interface RequestOptions extends Wanted {
  readonly call: string
  readonly body?: string | undefined
  readonly reason?: string | undefined
  readonly ticket?: string | undefined
  readonly output: Output
}

const CALL = /^(PUT|POST|PATCH|DELETE) (\/[!-~]+)$/u

export async function requestReview(options: RequestOptions, io: Io): Promise<number> {
  const [, method = '', path = ''] = CALL.exec(options.call) ?? []
  if (method === '')
    throw new UsageError('--call is like "PUT /subscriptions/...?api-version=2024-04-01"')
  const body = options.body === undefined ? null : await bodyIn(options.body)
  const { gateway, caFile, token } = await freshCredential(io, options)
  const network = await createNetwork(caFile, io.signal)
  try {
    const response = await network.fetch(`${gateway}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'x-harness-review': 'request',
        ...said('x-harness-review-reason', options.reason),
        ...said('x-harness-review-ticket', options.ticket),
        ...(body === null ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === null ? {} : { body }),
    })
    const error = object(
      membersOf(parseStrictJson(new Uint8Array(await response.arrayBuffer())))?.get('error'),
    )
    const info = object(object(list(error.get('additionalInfo'))[0]).get('info'))
    const review = object(info.get('review'))
    if (text(error.get('code')) !== 'approval_required' || review.size === 0)
      throw new Problem(
        text(error.get('message')) || `${gateway} answered ${response.status}`,
        'only a call that policy lets a review release has one',
      )
    const [id, url, expires] = ['id', 'url', 'expires'].map((name) => text(review.get(name)))
    show(io, options.output, {
      json: () => Object.fromEntries(review),
      table: () => [`review ${id} waits until ${expires}: ${url}`],
      tsv: () => [[id ?? '', expires ?? '', url ?? '']],
    })
    return EXIT.ok
  } finally {
    await network.close()
  }
}

async function bodyIn(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new Problem(`${file} cannot be read`, 'name a JSON file', error)
  })
  if (parseStrictJson(bytes) === undefined)
    throw new Problem(`${file} is no JSON`, 'send what the call itself would send')
  return bytes.toString('utf8')
}

/** Headers are ASCII. */
function said(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: encodeURIComponent(value) }
}
