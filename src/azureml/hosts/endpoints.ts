/**
 * Scoring endpoints from their own documents: where each answers, and what it serves. Which workspace an endpoint is in is
 * Azure's word, not that of whoever calls it.
 *
 * Every endpoint of a region has a name of its own, whatever its workspace, so a host made of name and region would
 * answer for any workspace that a caller claims.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { createSingleFlight } from '../../lib/single-flight.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import type { Hosts } from './hosts.ts'

/** A deleted endpoint's name can be given to one of another workspace: not for long. */
const KNOWN_MS = 120_000
/** An endpoint that has just been made is to be usable soon. */
const MISSING_MS = 5_000
const MAX_KNOWN = 10_000
const TYPES: ReadonlyMap<string, string> = new Map([
  ['onlineendpoints', 'online'],
  ['batchendpoints', 'batch'],
])
const ENDPOINT_ID = /\/workspaces\/([^/]+)\/(onlineendpoints|batchendpoints)\/([^/]+)$/

/** What an endpoint serves, by which Azure limits the time of a call. */
export type Serves = 'model' | 'promptFlow' | 'batch'

export interface Endpoint {
  readonly origin: string
  readonly serves: Serves
}

/** Tags and properties that endpoints of prompt flows have: those of the flow, and the secrets that its tools need. */
const OF_PROMPT_FLOW = /^azureml\.promptflow\b|^enforce_access_to_default_secret_stores$/i

export interface Endpoints {
  /**
   * An endpoint as Azure describes it.
   *
   * @param id its lower-cased ARM id
   * @param asker who asks, with whose eyes: what one may see is not told to another
   * @param identity name of the identity that `ask` asks with, for the refusal
   * @param ask answers with ARM's document of the id; null if there is none
   * @throws {Refusal} `endpoint_unknown`, `upstream_forbidden`, `upstream_foreign_url`, and what `ask` throws
   */
  find(
    id: string,
    asker: string,
    identity: string,
    ask: (id: string) => Promise<unknown>,
  ): Promise<Endpoint>
}

/** Id of the endpoint that a scoring call is about: the resource, or for jobs what they are in. */
export function endpointIdOf({ resource }: Operation): string | null {
  const chain = [resource, ...resource.ancestors]
  return chain.find(({ id }) => ENDPOINT_ID.test(id))?.id ?? null
}

/** @param now milliseconds; any clock that does not go back */
export function createEndpoints(
  hosts: Pick<Hosts, 'scoringOriginOf'>,
  now: () => number,
): Endpoints {
  const clock = { perf: { now }, ttlResolution: 0 }
  const known = createCache<string, Endpoint>(MAX_KNOWN, { ttl: KNOWN_MS, ...clock })
  const missing = createCache<string, () => Refusal>(MAX_KNOWN, { ttl: MISSING_MS, ...clock })
  const once = createSingleFlight<Endpoint>()

  async function learn(key: string, id: string, identity: string, ask: Ask): Promise<Endpoint> {
    let document: unknown
    try {
      document = await ask(id)
    } catch (error) {
      if (error instanceof Refusal && error.code === 'upstream_forbidden') {
        const refuse = (): Refusal => forbidden(id, identity)
        missing.set(key, refuse)
        throw refuse()
      }
      throw error
    }
    if (document === null) {
      const refuse = (): Refusal => unknown(id)
      missing.set(key, refuse)
      throw refuse()
    }
    const endpoint = { origin: originIn(document, id, hosts), serves: servesIn(document, id) }
    known.set(key, endpoint)
    return endpoint
  }

  return {
    async find(id, asker, identity, ask) {
      const key = `${asker} ${id}`
      const endpoint = known.get(key)
      if (endpoint !== undefined) return endpoint
      const refuse = missing.get(key)
      if (refuse !== undefined) throw refuse()
      return once(key, async () => learn(key, id, identity, ask))
    },
  }
}

type Ask = (id: string) => Promise<unknown>

/** @throws {Refusal} if the document is not that of this endpoint, or its host is not one that is served */
function originIn(document: unknown, id: string, hosts: Pick<Hosts, 'scoringOriginOf'>): string {
  const fields = fieldsOf(document)
  const own = fields.get('id')
  const url = fieldsOf(fields.get('properties')).get('scoringUri')
  if (typeof own !== 'string' || own.toLowerCase() !== id) {
    const message = 'azure described an endpoint in a way that cannot be read'
    throw new Refusal('upstream_bad_answer', message)
  }
  if (typeof url !== 'string' || url === '') {
    throw new Refusal('upstream_bad_answer', `${shown(id)} has no scoring uri yet`, {
      remedy: 'wait until it is provisioned',
    })
  }
  const origin = hosts.scoringOriginOf(url, nameOf(id))
  if (origin === null) {
    const message = `${shown(id)} is on a host that is not served here`
    throw new Refusal('upstream_foreign_url', message, {
      remedy: 'endpoints on kubernetes cannot be called through the gateway',
    })
  }
  return origin
}

function servesIn(document: unknown, id: string): Serves {
  if (ENDPOINT_ID.exec(id)?.[2] === 'batchendpoints') return 'batch'
  const fields = fieldsOf(document)
  const names = [fields.get('tags'), fieldsOf(fields.get('properties')).get('properties')]
    .map(fieldsOf)
    .flatMap((members) => [...members.keys()])
  return names.some((name) => OF_PROMPT_FLOW.test(name)) ? 'promptFlow' : 'model'
}

function unknown(id: string): Refusal {
  const workspace = ENDPOINT_ID.exec(id)?.[1] ?? ''
  return new Refusal('endpoint_unknown', `there is no ${shown(id)} in workspace "${workspace}"`, {
    remedy: 'name the workspace that the endpoint is in',
  })
}

function forbidden(id: string, identity: string): Refusal {
  const message = `azure does not let the managed identity read ${shown(id)}, so its host cannot be learnt`
  return new Refusal('upstream_forbidden', message, {
    remedy: `the identity "${identity}" needs Reader on the workspace (onlineEndpoints/read, batchEndpoints/read)`,
  })
}

function nameOf(id: string): string {
  return ENDPOINT_ID.exec(id)?.[3] ?? ''
}

function shown(id: string): string {
  return `${TYPES.get(ENDPOINT_ID.exec(id)?.[2] ?? '') ?? 'scoring'} endpoint "${nameOf(id)}"`
}
