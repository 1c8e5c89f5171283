/**
 * Registries by name, asked of Azure's discovery: what is judged is the registry that a name leads to.
 *
 * Discovery is open to everybody at Azure and names no asset: policy is asked about the registry that it finds.
 * @module
 */
import { LRUCache } from 'lru-cache'
import {
  discoveryPath,
  isRegistryName,
  readPlace,
  type RegistryPlace,
} from '../../azureml/elsewhere/registry-place.ts'
import { classify } from '../../azureml/classify.ts'
import type { Hosts } from '../../azureml/hosts/hosts.ts'
import { parseTarget, type Target } from '../../azureml/target.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { Refusal } from '../../errors.ts'

/** A registry stays where it is; one that is made anew under its name can be elsewhere. */
const PLACE_MS = 300_000
/** One that has just been made is to be usable soon. */
const MISSING_MS = 15_000
const MAX_PLACES = 1_000

/**
 * Where a registry is; null if there is none of that name, or none can have it.
 * @param who who asks, with whose eyes
 * @param get answers with Azure's document
 */
export type RegistryPlaces = (
  name: string,
  who: string,
  get: (operation: Operation, target: Target) => Promise<unknown>,
) => Promise<RegistryPlace | null>

export function createRegistryPlaces(hosts: Pick<Hosts, 'regionOf'>): RegistryPlaces {
  const places = new LRUCache<string, RegistryPlace>({ max: MAX_PLACES, ttl: PLACE_MS })
  const missing = new LRUCache<string, true>({ max: MAX_PLACES, ttl: MISSING_MS })

  return async (name, who, get) => {
    const key = `${who} ${name}`
    const known = places.get(key)
    if (known !== undefined) return known
    if (!isRegistryName(name) || missing.has(key)) return null
    const target = parseTarget('GET', discoveryPath(name))
    const answer = await get(classify(target), target)
    if (answer === null) {
      missing.set(key, true)
      return null
    }
    const place = readPlace(name, answer)
    if (place === null) {
      const message = `azure's discovery of registry "${name}" cannot be read`
      throw new Refusal('upstream_bad_answer', message)
    }
    if (hosts.regionOf(place.url) === null) {
      const message = `the discovery of registry "${name}" points to a host that is not served here`
      throw new Refusal('upstream_foreign_url', message)
    }
    places.set(key, place)
    return place
  }
}
