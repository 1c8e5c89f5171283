/**
 * HTTPS as a person's machine needs it: private certificate authorities, bounded answers, errors that say what to do.
 * @module
 */
import { codeOf } from '../../lib/error-code.ts'
import { readFile } from 'node:fs/promises'
import { getCACertificates } from 'node:tls'
import { Agent, fetch as undiciFetch, type RequestInit as UndiciInit } from 'undici'
import { MAX_ANSWER_BYTES, isSafeUrl, readBounded } from '../../lib/http.ts'
import { membersOf, parseStrictJson } from '../../lib/strict-json.ts'
import { Problem } from '../problem.ts'

/** `fetch` without redirects, whose answer has been read whole. */
export type Fetch = (url: string, init?: UndiciInit) => Promise<Response>

export interface Network {
  readonly fetch: Fetch
  readonly close: () => Promise<void>
}

const TIMEOUT_MS = 10_000

/**
 * `caFile`: certificates (PEM) to trust besides those that Node trusts. `interrupt` ends what is under way.
 * @throws Problem if the file cannot be read
 */
export async function createNetwork(
  caFile: string | null,
  interrupt: AbortSignal,
): Promise<Network> {
  const extra = caFile === null ? [] : [await readCa(caFile)]
  const dispatcher = new Agent({
    connect: {
      timeout: TIMEOUT_MS,
      ...(extra.length === 0 ? {} : { ca: [...getCACertificates('default'), ...extra] }),
    },
  })
  return {
    async fetch(url, init = {}) {
      if (!isSafeUrl(url))
        throw new Problem(`"${url}" is not https`, 'use the https URL; http is for localhost only')
      const signals = [AbortSignal.timeout(TIMEOUT_MS), interrupt]
      const own = init.signal instanceof AbortSignal ? init.signal : null
      if (own !== null) signals.push(own)
      try {
        const response = await undiciFetch(url, {
          ...init,
          dispatcher,
          redirect: 'manual',
          signal: AbortSignal.any(signals),
        })
        const bytes = await readBounded(response.body, MAX_ANSWER_BYTES)
        if (bytes === null) throw new Error('the answer is too big')
        const { status, headers } = response
        return new Response(bytes.length === 0 ? null : bytes, {
          status,
          headers: [...headers.entries()],
        })
      } catch (error) {
        if (interrupt.aborted) throw new Problem('interrupted', 'run it again', error)
        if (error instanceof Problem || own?.aborted === true) throw error
        throw unreachable(url, error)
      }
    },
    close: () => dispatcher.close(),
  }
}

/** Reads PEM certificates. @throws Problem */
export async function readCa(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Problem(`the certificates "${file}" cannot be read`, 'check the path of --ca', error)
  })
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new Problem(`"${file}" holds no PEM certificate`, 'give --ca a PEM file of the authority')
  return text
}

/** GETs a JSON object. @throws Problem */
export async function fetchObject(
  fetch: Fetch,
  url: string,
): Promise<ReadonlyMap<string, unknown>> {
  const response = await fetch(url, { headers: { accept: 'application/json' } })
  if (response.status !== 200)
    throw new Problem(`${url} answered ${response.status}`, 'check that this is the gateway’s URL')
  const members = membersOf(parseStrictJson(new Uint8Array(await response.arrayBuffer())))
  if (members === null)
    throw new Problem(`${url} did not answer JSON`, 'check that this is the gateway’s URL')
  return members
}

const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

function unreachable(url: string, error: unknown): Problem {
  const { origin } = new URL(url)
  const code = reasonOf(error)
  if (UNTRUSTED.has(code))
    return new Problem(
      `the certificate of ${origin} is not trusted (${code})`,
      'give the PEM file of its authority with --ca, or set NODE_USE_SYSTEM_CA=1 to trust those of this machine',
      error,
    )
  return new Problem(
    `${origin} cannot be reached (${code})`,
    'check the URL, the network and the proxy, then try again',
    error,
  )
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  const otherwise = error.cause === undefined ? error.name : reasonOf(error.cause)
  return codeOf(error, otherwise)
}
