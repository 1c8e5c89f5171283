/**
 * Asks a gateway what it has to say to its caller, with the caller's own token.
 * @module
 */
import { membersOf, parseStrictJson } from '../../lib/strict-json.ts'
import { freshCredential, type Wanted } from '../session/credential.ts'
import { createNetwork } from '../sign-in/network.ts'
import { isPlain, Problem } from '../problem.ts'
import type { Io } from '../io.ts'

/** The members of a JSON object. */
export type Members = ReadonlyMap<string, unknown>

const REFUSAL_HINT =
  'ask as who made the call; make it again if the whole command of its refusal is no longer at hand'

/** What to send, and what to do if it is not there. */
interface Asking {
  /** Sent with POST as JSON; GET if absent. */
  readonly body?: object
  readonly ifMissing?: string
}

/**
 * GETs a path of the gateway's own, or POSTs to it.
 * @throws Problem if nobody is signed in, the gateway cannot be reached, or it refuses; with what it said
 */
export async function askGateway(
  io: Io,
  wanted: Wanted,
  path: string,
  { body, ifMissing = REFUSAL_HINT }: Asking = {},
): Promise<Members> {
  const { gateway, caFile, token } = await freshCredential(io, wanted)
  const network = await createNetwork(caFile, io.signal)
  try {
    const response = await network.fetch(`${gateway}${path}`, {
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    const members = membersOf(parseStrictJson(new Uint8Array(await response.arrayBuffer())))
    if (response.status === 200 && members !== null) return members
    const said = text(object(members?.get('error')).get('message'))
    throw new Problem(
      said === '' ? `${gateway} answered ${response.status}` : said,
      response.status === 404 ? ifMissing : nextAfter(response.status, said !== ''),
    )
  } finally {
    await network.close()
  }
}

/** What to do after an answer that is none; `isOurs` if it says why in the gateway's own form. */
function nextAfter(status: number, isOurs: boolean): string {
  if (!isOurs) return 'check that this is an Azure ML Harness of this version'
  if (status === 401) return 'sign in again: azureml-harness login'
  return status >= 500 || status === 429 ? 'try again' : 'change what was asked, as it says'
}

/** What others wrote is shown only if it cannot steer a terminal. */
export const text = (value: unknown): string =>
  typeof value === 'string' && isPlain(value) ? value : ''

export const object = (value: unknown): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map<string, unknown>(Object.entries(value))
    : new Map()

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
