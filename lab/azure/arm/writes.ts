/**
 * What PUT, PATCH and DELETE do to a resource of any type.
 * @module
 */
import type { Answer, Call } from '../../server/call.ts'
import type { LabIdentity } from '../../personas.ts'
import type { Accept } from './accept.ts'
import { armError } from './answers.ts'
import { notFound, parseDocument, properties, setState, show } from './documents.ts'
import { isLongRunning, isVersion } from './kinds.ts'
import type { MakeDocument } from './make-document.ts'
import type { Operation } from './operations.ts'
import { parseArmPath, type ArmPath } from './paths.ts'
import type { Document, Resource, Store } from './store.ts'

interface WritesOptions {
  readonly store: Store
  readonly documentOf: MakeDocument
  readonly accept: Accept
  /** Resources whose operation is not done. */
  readonly pending: Map<Resource, Operation>
}

interface Writes {
  put(call: Call, path: ArmPath, version: string, by: LabIdentity): Promise<Answer>
  remove(path: ArmPath, version: string): Answer
}

/** The nearest resource above this one that does not exist; null if all do. */
function missingParent(store: Store, path: ArmPath): ArmPath | null {
  const ids: string[] = []
  const segments = path.id.split('/')
  for (let up = 2; up < path.pairs.length * 2; up += 2) ids.push(segments.slice(0, -up).join('/'))
  for (const id of ids.toReversed()) {
    const parent = parseArmPath(id)
    if (parent !== null && store.get(parent.key) === null) return parent
  }
  return null
}

/** Writes the container of a version, which names the latest version and the next one. */
function touchContainer(
  { store, documentOf }: WritesOptions,
  path: ArmPath,
  by: LabIdentity | null,
): void {
  const id = path.id.split('/').slice(0, -2).join('/')
  const container = parseArmPath(id)
  if (container === null) return
  const version = path.pairs.at(-1)?.[1] ?? ''
  const next = /^\d+$/.test(version) ? String(Number(version) + 1) : undefined
  const old = store.get(container.key)
  const given = { properties: { ...properties(old?.document ?? {}), latestVersion: version } }
  if (next !== undefined) Object.assign(given.properties, { nextVersion: next })
  const document = documentOf(container, given, by)
  store.put({ path: old?.path ?? container, document, reads: 0 })
}

/** Endpoints of all workspaces of a region share one space of host names. */
function isNameTaken(store: Store, { key, type }: ArmPath): boolean {
  if (type !== 'workspaces/onlineendpoints' && type !== 'workspaces/batchendpoints') return false
  const name = key.slice(key.lastIndexOf('/'))
  return store.below('', type).some((other) => other.path.key.endsWith(name))
}

export function createWrites(options: WritesOptions): Writes {
  const { store, documentOf, accept, pending } = options

  async function put(call: Call, path: ArmPath, version: string, by: LabIdentity): Promise<Answer> {
    const body = await call.body()
    const given = parseDocument(body)
    const isJson = /\bjson\b/i.test(call.headers['content-type'] ?? '')
    if (given === null && isJson)
      return armError(400, 'InvalidRequestContent', 'The request content was invalid JSON.')
    const missing = isVersion(path) ? null : missingParent(store, path)
    if (missing !== null) {
      const message = `Can not perform requested operation on nested resource. Parent resource '${missing.pairs.at(-1)?.[1]}' not found.`
      return armError(404, 'ParentResourceNotFound', message)
    }
    const old = store.get(path.key)
    if (old === null && isNameTaken(store, path)) {
      const message = `There is already an endpoint with the name '${path.pairs.at(-1)?.[1]}' in this region.`
      return armError(409, 'NameUnavailable', message)
    }
    let wanted: Document = given ?? {}
    if (call.method === 'PATCH') {
      if (old === null) return notFound(path)
      const merged = { ...properties(old.document), ...properties(wanted) }
      wanted = { ...old.document, ...wanted, properties: merged }
    }
    // too long to keep, or not a document: the hash shows what arrived
    if (given === null || body.content === null)
      wanted = { properties: { bytes: body.bytes, sha256: body.sha256 } }
    const document = documentOf(old?.path ?? path, wanted, by)
    const resource: Resource = { path: old?.path ?? path, document, reads: 0 }
    store.put(resource)
    if (isVersion(path)) touchContainer(options, path, by)
    const isNew = old === null
    if (!isLongRunning(path, call.method)) return show(resource, isNew ? 201 : 200)
    setState(resource, isNew ? 'Creating' : 'Updating')
    const { operation, headers } = accept(
      path,
      version,
      () => {
        setState(resource, 'Succeeded')
        pending.delete(resource)
      },
      () => resource.document,
    )
    if (operation.left > 0) pending.set(resource, operation)
    if (call.method === 'PATCH') return { ...show(resource, 202, headers) }
    return show(resource, isNew ? 201 : 200, headers)
  }

  function remove(path: ArmPath, version: string): Answer {
    const resource = store.get(path.key)
    if (resource === null) return { status: 204 }
    if (!isLongRunning(path, 'DELETE')) {
      store.delete(path.key)
      return { status: 200 }
    }
    setState(resource, 'Deleting')
    const { operation, headers } = accept(
      path,
      version,
      () => {
        pending.delete(resource)
        // a resource put again meanwhile stays
        if (store.get(path.key) === resource) store.delete(path.key)
      },
      () => null,
    )
    // it ends whether clients poll the operation or ask for the resource until it is gone
    if (operation.left > 0) pending.set(resource, operation)
    return { status: 202, headers }
  }

  return { put, remove }
}
