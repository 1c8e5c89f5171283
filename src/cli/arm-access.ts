/**
 * What a command asks Azure Resource Manager with, and the object ids of the gateway's identities.
 * @module
 */
import type { Config } from '../config/schema/schema.ts'
import { armOf, objectIdOf } from '../doctor/arm.ts'
import { QUIET } from '../lib/log.ts'
import { createBroker, type Broker } from '../token/broker.ts'
import { TOKEN_VARIABLE } from './command.ts'
import type { Io } from './io.ts'
import { UsageError } from './problem.ts'

export interface ArmAccess {
  /** Object ids by identity, as far as they are known. */
  readonly ids: ReadonlyMap<string, string>
  /** To ask with: the identities' own only if the environment gives none. */
  readonly tokens: readonly string[]
}

/** @param pairs `NAME=OBJECT-ID` each @throws UsageError if one of them is none */
export function principalsOf(pairs: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const pair of pairs) {
    const [, name, id] = /^([a-z][a-z0-9-]*)=([0-9a-f-]{36})$/i.exec(pair) ?? []
    if (name === undefined || id === undefined)
      throw new UsageError('--principal is NAME=OBJECT-ID')
    found.set(name, id)
  }
  return found
}

/** The broker of a command; to be closed. */
export function brokerOf(config: Config, io: Io): Broker {
  return createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    timeoutMs: config.limits.tokenTimeoutMs,
    now: io.now,
    log: QUIET,
  })
}

/**
 * Asks for tokens where they are needed: to ask with, or for the object id in them.
 * @param given object ids by identity, which count before those of the configuration
 */
export async function armAccess(
  config: Config,
  identities: readonly string[],
  given: ReadonlyMap<string, string>,
  io: Io,
  broker: Broker,
): Promise<ArmAccess> {
  const own = io.env[TOKEN_VARIABLE] ?? ''
  const ids = new Map(given)
  const tokens = own === '' ? [] : [own]
  for (const name of identities) {
    const identity = config.identities[name]
    const known = identity !== undefined && 'objectId' in identity ? identity.objectId : undefined
    if (known !== undefined && !ids.has(name)) ids.set(name, known)
    if (own !== '' && ids.has(name)) continue
    const held = await broker.token(name, armOf(config.cloud).scope).catch(() => null)
    const objectId = held === null ? null : objectIdOf(held.token)
    if (held !== null && own === '') tokens.push(held.token)
    if (objectId !== null && !ids.has(name)) ids.set(name, objectId)
  }
  return { ids, tokens }
}
