/**
 * Artifacts of runs: paths are registered here, bytes go to storage by the SAS that the answers hand out.
 *
 * Two services speak it: run history (`.../experiments/{e}/runs/{r}/artifacts/...`) and the artifact service
 * (`.../artifacts/{origin}/{container}/...`).
 * @module
 */
import { randomUUID } from 'node:crypto'
import { armError } from '../arm/answers.ts'
import type { Service } from './data-plane.ts'
import { json, type Answer, type Call } from '../../server/call.ts'
import { ARTIFACT_CONTAINER, type Storage } from '../storage.ts'

const RUN =
  /^\/history\/v1\.0\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/workspaces\/([^/]+)\/experiment(?:s|ids)\/[^/]+\/runs\/([^/]+)\/artifacts(\/.*)?$/i
const SERVICE =
  /^\/artifact\/v2\.0\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/workspaces\/([^/]+)\/artifacts\/([^/]+)\/([^/]+)(\/.*)?$/i

/** As SDK v1 writes it: the container last. */
const V1 =
  /^\/artifact\/v2\.0\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/workspaces\/([^/]+)\/artifacts(\/batch\/metadata)\/([^/]+)\/([^/]+)$/i

/** Where the artifacts of a run are; `rest` is what follows it in the path. */
interface ArtifactPlace {
  readonly workspace: string
  readonly origin: string
  readonly container: string
  readonly rest: string
}

export interface Artifacts {
  readonly answer: Service
  /** Writes an artifact as Azure itself does, e.g. a log; resolves with its URL to read. */
  put(workspace: string, container: string, path: string, content: string): Promise<string>
}

function placeOf(path: string): ArtifactPlace | null {
  const run = RUN.exec(path)
  if (run !== null) {
    const [, workspace = '', id = '', rest = ''] = run
    return { workspace, origin: 'ExperimentRun', container: `dcid.${decodeURIComponent(id)}`, rest }
  }
  const v1 = V1.exec(path)
  if (v1 !== null) {
    const [, workspace = '', rest = '', origin = '', container = ''] = v1
    return { workspace, origin, container: decodeURIComponent(container), rest }
  }
  const found = SERVICE.exec(path)
  if (found === null) return null
  const [, workspace = '', origin = '', container = '', rest = ''] = found
  return { workspace, origin, container: decodeURIComponent(container), rest }
}

const blobOf = (place: Omit<ArtifactPlace, 'rest'>, path: string): string =>
  `${place.origin}/${place.container}/${path}`
const artifact = (place: ArtifactPlace, path: string) => ({
  artifactId: `${place.origin}/${place.container}/${path}`,
  origin: place.origin,
  container: place.container,
  path,
  etag: randomUUID(),
  createdTime: new Date().toISOString(),
})

export function createArtifacts(storage: Storage): Artifacts {
  const known = new Map<string, Set<string>>()

  const pathsOf = (place: Omit<ArtifactPlace, 'rest'>): Set<string> => {
    const key = `${place.workspace.toLowerCase()}/${place.origin}/${place.container}`
    const paths = known.get(key) ?? new Set()
    known.set(key, paths)
    return paths
  }
  const content = (place: ArtifactPlace, path: string, permissions: string) => ({
    origin: place.origin,
    container: place.container,
    path,
    contentUri: storage.signed(permissions, ARTIFACT_CONTAINER, blobOf(place, path)),
  })

  async function register(call: Call, place: ArtifactPlace): Promise<Answer> {
    const body = (await call.body()).content?.toString('utf8') ?? ''
    let paths: string[]
    try {
      const parsed = JSON.parse(body) as { paths: { path: string }[] }
      paths = parsed.paths.map(({ path }) => path)
    } catch {
      return armError(400, 'UserError', 'The body has no list of paths.')
    }
    for (const path of paths) pathsOf(place).add(path)
    return json(200, {
      artifacts: Object.fromEntries(paths.map((path) => [path, artifact(place, path)])),
      artifactContentInformation: Object.fromEntries(
        paths.map((path) => [path, content(place, path, 'racw')]),
      ),
      errors: {},
    })
  }

  return {
    answer: async (call) => {
      const place = placeOf(call.path)
      if (place === null) return null
      const rest = place.rest.toLowerCase()
      if (call.method === 'POST' && rest === '/batch/metadata') return register(call, place)
      if (call.method !== 'GET') return null
      if (rest === '' || rest === '/') {
        return json(200, { value: [...pathsOf(place)].map((path) => artifact(place, path)) })
      }
      const path = call.params.get('path') ?? ''
      const missing = armError(404, 'UserError', `There is no artifact "${path}".`)
      if (rest === '/contentinfo')
        return pathsOf(place).has(path) ? json(200, content(place, path, 'r')) : missing
      if (rest === '/metadata')
        return pathsOf(place).has(path) ? json(200, artifact(place, path)) : missing
      return null
    },
    async put(workspace, container, path, text) {
      const place = { workspace, origin: 'ExperimentRun', container }
      pathsOf(place).add(path)
      await storage.azurite.putBlob(ARTIFACT_CONTAINER, blobOf(place, path), text)
      return storage.signed('r', ARTIFACT_CONTAINER, blobOf(place, path))
    },
  }
}
