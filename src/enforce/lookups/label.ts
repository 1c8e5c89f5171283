/**
 * What labels mean now, asked of Azure for `@pin`: where an asset is kept, whether the caller may read it there, and
 * which version it has.
 *
 * Each question is a call like any other: a target in the grammar, classified, sent to a host that the gateway serves,
 * under the identity that the caller's own permit names. What is not in the workspace or registry of the call is asked
 * about only if policy permits this caller to read it.
 * @module
 */
import { classify } from '../../azureml/classify.ts'
import type { Hosts } from '../../azureml/hosts/hosts.ts'
import { isAssetName, isLabel, labelQuestion } from '../../azureml/body/labels.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import {
  frontEndPath,
  isRegistryName,
  REGISTRY_API_VERSION,
  type RegistryPlace,
} from '../../azureml/elsewhere/registry-place.ts'
import { parseTarget, type Target } from '../../azureml/target.ts'
import { createRegistryPlaces, type RegistryPlaces } from './registries.ts'
import { cannotPin, shownName, type Labelled, type LookUp } from '../effects/pin.ts'
import type { Exchange } from '../../exchange.ts'
import type { AskAzure } from '../../forward/ask.ts'
import type { Awaiting, Decide, Facts, Permit } from '../../policy/decide.ts'
import type { GrantFor } from '../../token/grant.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { GUID } from '../../lib/guid.ts'

/** The call whose body has the labels. */
export interface LookedUpFor {
  readonly exchange: Exchange
  readonly permit: Permit | Awaiting
  /** Lower-cased id of its workspace or registry. */
  readonly scope: string | null
  readonly grantFor: GrantFor
}

/** Looks up for one call, within one span of time for all its labels. */
export type LookUps = (call: LookedUpFor) => LookUp

export interface LookUpOptions {
  readonly decide: Decide
  readonly callFacts: (exchange: Exchange) => Facts
  readonly ask: AskAzure
  readonly hosts: Pick<Hosts, 'upstream' | 'regionOf'>
  /** Shared with others who look up registries; of its own if absent. */
  readonly places?: RegistryPlaces
  /** For all the lookups of one call together; 20 s if absent. */
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 20_000
/** What a label means may change at any time: a few seconds are enough for the bodies of one submission. */
const VERSION_MS = 5_000
const MAX_VERSIONS = 10_000
const API_VERSION = '2024-04-01'
const REGISTRY_ID = /\/registries\/([^/]+)$/
/** What ARM takes as the id of a workspace; a location and a GUID, as in ids of the data plane, are none. */
const WORKSPACE_ID = new RegExp(
  String.raw`^/subscriptions/${GUID}/resourcegroups/[-\w.()]{0,89}[-\w()]/providers/microsoft\.machinelearningservices/workspaces/[a-z0-9][a-z0-9_-]{0,254}$`,
)

/** Where the versions of an asset are asked for. */
interface Home {
  readonly base: string
  readonly apiVersion: string
  /** Of its registry; for a workspace ARM needs none. */
  readonly region: string | null
  /** Words for the caller who may not read there; null if it is the call's own, which needs no further permit. */
  readonly other: string | null
}

export function createLookUps(options: LookUpOptions): LookUps {
  const { ask, hosts, timeoutMs = TIMEOUT_MS } = options
  const versions = createCache<string, string>(MAX_VERSIONS, { ttl: VERSION_MS })
  const places = options.places ?? createRegistryPlaces(hosts)

  return (call) => {
    const { exchange, permit, grantFor } = call
    // an on-behalf-of identity sees with the eyes of its caller: what one may see is not told to another
    const who = `${permit.effects.identity} ${permit.principal.id}`
    let signal: AbortSignal | null = null

    async function get(operation: Operation, { path, query }: Target): Promise<unknown> {
      const { origin, scope: audience } = hosts.upstream(operation, null)
      const grant = await grantFor(audience)
      // from the first question on, for all of them
      signal ??= AbortSignal.timeout(timeoutMs)
      return ask(grant, exchange.id, origin, query === '' ? path : `${path}?${query}`, signal)
    }

    async function placeOf(name: string, shown: string): Promise<RegistryPlace> {
      const place = await places(name, who, get)
      if (place !== null) return place
      if (!isRegistryName(name))
        throw cannotPin(shown, 'its registry has a name that none can have')
      throw cannotPin(shown, `there is no registry "${name}"`)
    }

    return async (labelled) => {
      const { asset, kind, label } = labelled
      const shown = shownName(asset)
      if (!isLabel(label, kind)) {
        const why = `azure has no label "${label.slice(0, 64)}" for ${kind}, only "latest", and "default" for components`
        throw cannotPin(shown, why)
      }
      if (!isAssetName(asset.name))
        throw cannotPin('a reference', 'its name is not one that Azure gives')
      const home = await homeOf(labelled, call, hosts, placeOf)
      const question = labelQuestion(home, { kind, name: asset.name, label })
      const target = parseTarget('GET', `${question.path}?${question.query}`)
      const named = classify(target)
      const operation = home.region === null ? named : { ...named, region: home.region }
      if (home.other !== null) mustRead(options, call, { target, operation }, shown, home.other)
      const key = `${who} ${question.path}`
      const known = versions.get(key)
      if (known !== undefined) return known
      const version = question.read(await get(operation, target))
      if (version === null) throw cannotPin(shown, 'it has no version')
      versions.set(key, version)
      return version
    }
  }
}

/** Where the gateway asks for a label: the workspace or registry that the reference names, or that of the call. */
async function homeOf(
  { asset }: Labelled,
  { scope }: LookedUpFor,
  hosts: LookUpOptions['hosts'],
  placeOf: (name: string, shown: string) => Promise<RegistryPlace>,
): Promise<Home> {
  const { registry, registryId, elsewhere } = asset
  const shown = shownName(asset)

  async function registryHome(name: string, id: string | null): Promise<Home> {
    const place = await placeOf(name, shown)
    if (id !== null && id !== place.id)
      throw cannotPin(shown, `registry "${name}" is not where the reference says`)
    return {
      base: frontEndPath(place.id),
      apiVersion: REGISTRY_API_VERSION,
      region: hosts.regionOf(place.url),
      other: place.id === scope ? null : `registry "${name}"`,
    }
  }

  if (registry !== null) return registryHome(registry, registryId)
  const base = elsewhere ?? scope
  const own = REGISTRY_ID.exec(base ?? '')?.[1]
  if (own !== undefined) return registryHome(own, base)
  if (base === null) throw cannotPin(shown, 'the call is in no workspace')
  if (!WORKSPACE_ID.test(base))
    throw cannotPin(shown, 'its workspace is not named by an id of Azure Resource Manager')
  const other = elsewhere === null ? null : `workspace "${base.split('/').at(-1) ?? ''}"`
  return { base, apiVersion: API_VERSION, region: null, other }
}

/** @throws {Refusal} if policy does not permit the caller what the gateway is about to ask for the caller */
function mustRead(
  { decide, callFacts }: LookUpOptions,
  { exchange, permit }: LookedUpFor,
  question: { readonly target: Target; readonly operation: Operation },
  shown: string,
  where: string,
): void {
  const { operation } = question
  const verdict = decide(
    permit.principal,
    operation,
    callFacts({ ...exchange, ...question }),
    'all',
  )
  if (verdict.permit !== null) return
  const { refusal, decision } = verdict
  // another reason, such as a sign-in that has to be renewed, is said as it is
  if (refusal.code !== 'policy_refused') throw refusal
  const why = `policy does not permit you to read it in ${where}: ${decision.reason}`
  const { remedy } = refusal.detail
  throw cannotPin(shown, why, {
    policies: decision.policies,
    inner: `${operation.action} on ${operation.resource.id}`,
    ...(remedy === undefined ? {} : { remedy }),
  })
}
