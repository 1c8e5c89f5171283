/**
 * Registries as the data plane has them: their discovery by name, and their assets behind the management front end, which
 * has those of workspaces, too.
 *
 * `azureml` is Microsoft's own, in a subscription that nobody else can see; `shared` is the lab's.
 * @module
 */
import { armError } from '../arm/answers.ts'
import { parseArmPath, PROVIDER, type ArmPath } from '../arm/paths.ts'
import type { Document, Store } from '../arm/store.ts'
import type { Service } from './data-plane.ts'
import { json, type Handler } from '../../server/call.ts'
import { MICROSOFT_SUBSCRIPTION, REGION, registryId } from '../../personas.ts'

const DISCOVERY = /^\/registrymanagement\/v[\d.]+\/registries\/([^/]+)\/discovery$/i
/** Resource Manager's documents, as the data plane serves them. */
const FRONT_END = /^\/mferp\/managementfrontend(\/subscriptions\/.*)$/i
const DEFAULT_VERSION = /\/components\/[^/]+\/versions\/azureml_default$/i
/** What is in `azureml` from the start, each version newer than the one before it. */
const CURATED: readonly (readonly [kind: string, name: string, version: string, properties: Document])[] =
  [
    ['environments', 'sklearn-1.5', '30', { image: 'mcr.microsoft.com/azureml/curated/sklearn:30' }],
    ['environments', 'sklearn-1.5', '31', { image: 'mcr.microsoft.com/azureml/curated/sklearn:31' }],
    ['components', 'train_model', '0.0.1', { componentSpec: { type: 'command', version: '0.0.1' } }],
    ['components', 'train_model', '0.0.2', { componentSpec: { type: 'command', version: '0.0.2' } }],
  ] // prettier-ignore

/** Puts both registries and what is in them into the store. */
function seed(store: Store): void {
  put(store, registryId('shared'), {})
  put(store, registryId('azureml'), {})
  for (const [kind, name, version, properties] of CURATED) {
    const container = `${registryId('azureml')}/${kind}/${name}`
    put(store, container, { latestVersion: version })
    put(store, `${container}/versions/${version}`, properties)
  }
}

function put(store: Store, id: string, properties: Document): void {
  const path = parseArmPath(id)
  if (path === null) throw new Error('the ids of the lab are in the grammar')
  const type = `${PROVIDER}/${path.pairs.map(([kind]) => kind).join('/')}`
  const at = new Date().toISOString()
  const document = {
    id,
    name: path.pairs.at(-1)?.[1],
    type,
    location: REGION,
    properties: { ...properties, provisioningState: 'Succeeded' },
    systemData: { createdAt: at, createdBy: 'lab', createdByType: 'Application' },
  }
  store.put({ path, document, reads: 0 })
}

function discovery(store: Store, name: string, origin: string) {
  const found = store
    .below('', 'registries')
    .find(({ path }) => path.pairs[0]?.[1].toLowerCase() === name.toLowerCase())
  if (found === undefined)
    return armError(404, 'UserError', `The registry '${name}' could not be found.`)
  return json(200, {
    registryName: found.path.pairs[0]?.[1],
    primaryRegion: REGION,
    primaryRegionResourceProviderUri: `${origin}/`,
    resourceGroup: found.path.resourceGroup,
    subscriptionId: found.path.subscription,
  })
}

/** ARM without what is Microsoft's, and the data plane's service that has all registries. */
export function createRegistries(
  store: Store,
  resources: Handler,
  origin: string,
): { readonly arm: Handler; readonly service: Service } {
  seed(store)
  /** A component's default version is its newest one here. */
  const assets: Handler = (call) => {
    if (!DEFAULT_VERSION.test(call.path)) return resources(call)
    const path = parseArmPath(call.path)
    return resources({ ...call, path: path === null ? call.path : newest(store, path) })
  }
  const foreign = `/subscriptions/${MICROSOFT_SUBSCRIPTION}/`
  return {
    arm: (call) =>
      call.path.toLowerCase().startsWith(foreign)
        ? armError(403, 'AuthorizationFailed', 'The client does not have authorization here.')
        : assets(call),
    async service(call) {
      const name = DISCOVERY.exec(call.path)?.[1]
      if (name !== undefined) return discovery(store, name, origin)
      const path = FRONT_END.exec(call.path)?.[1]
      return path === undefined ? null : assets({ ...call, path })
    },
  }
}

function newest(store: Store, { key, id }: ArmPath): string {
  return (
    store
      .list(key.slice(0, key.lastIndexOf('/')))
      .at(-1)
      ?.document['id']?.toString() ?? id
  )
}
