/**
 * Where an issuer's keys come from: its discovery document, once an hour, and the key set that this names.
 * @module
 */
import { discover, type Metadata } from '../discovery.ts'
import { readKeySet, type KeySet } from './key-set.ts'
import { fetchJson, nameFailure } from '../../lib/http.ts'
import type { Log } from '../../lib/log.ts'

export interface KeySourceOptions {
  /** The issuer's name in the configuration. */
  readonly name: string
  /** Exact `iss`, or Entra's multi-tenant form. */
  readonly issuer: string
  /** If set, the keys are there and discovery is not asked for them. */
  readonly jwksUri: string | null
  readonly algorithms: readonly string[]
  readonly now: () => number
  readonly log: Log
}

export interface KeySource {
  /** The set, or why there is none. Never throws. */
  fetch(signal: AbortSignal): Promise<KeySet | string>
  /** Whether the last discovery document named another issuer. */
  isForeign(): boolean
}

const METADATA_FRESH_MS = 3_600_000

export function createKeySource(options: KeySourceOptions): KeySource {
  const { name, issuer, jwksUri, algorithms, now, log } = options
  let metadata: Metadata | null = null
  let metadataAt = 0
  let foreign = false

  /** The key set's address, or why it is not known. A known one is kept when a later document fails or is foreign. */
  async function locate(signal: AbortSignal): Promise<{ uri: string | null; why: string }> {
    if (metadata !== null && now() - metadataAt < METADATA_FRESH_MS) {
      return { uri: metadata.jwksUri, why: '' }
    }
    const discovered = await discover(issuer, signal)
    foreign = !discovered.ok && discovered.foreign
    if (discovered.ok) {
      metadata = discovered.metadata
      metadataAt = now()
      return { uri: metadata.jwksUri, why: '' }
    }
    log({ issuer: name, why: discovered.why }, 'discovery failed')
    return { uri: metadata?.jwksUri ?? null, why: discovered.why }
  }

  return {
    async fetch(signal) {
      const { uri, why } = jwksUri === null ? await locate(signal) : { uri: jwksUri, why: '' }
      if (uri === null) return why
      const answer = await fetchJson(uri, signal)
      if (!answer.ok) return answer.why
      if (answer.status !== 200) return `status ${answer.status}`
      try {
        return await readKeySet(answer.body, algorithms)
      } catch (error) {
        // A document that makes the library throw is no key set, and the old keys stay
        return nameFailure(error)
      }
    },
    isForeign: () => foreign,
  }
}
