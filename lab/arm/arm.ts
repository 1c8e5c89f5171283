/**
 * Azure Resource Manager for Microsoft.MachineLearningServices: stateful, and the same for every resource type.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { armError, createHeaders } from './answers.ts'
import { bigAnswer } from './big.ts'
import { notFound, parseDocument, properties, scope, setState, show } from './documents.ts'
import { createOperations, type Operation, type OperationsOptions } from './operations.ts'
import {
  actionResult,
  isContainer,
  isLongRunning,
  isLongRunningAction,
  isVersion,
  jobStatus,
  kindOf,
  ownProperties,
  type Hosts,
} from './kinds.ts'
import { parseArmPath, PROVIDER, type ArmPath } from './paths.ts'
import type { Roles } from './roles.ts'
import { createStore, type Document, type Resource, type Store } from './store.ts'
import type { Access } from './access.ts'
import { datastoreDocument, storageResult } from './uploads.ts'
import { json, type Answer, type Call, type Handler } from '../part.ts'
import type { Storage } from '../storage.ts'
import {
  OTHER_WORKSPACE,
  REGION,
  SUBSCRIPTION,
  WORKSPACE,
  workspaceId,
  type LabIdentity,
} from '../personas.ts'

const NAMESPACES = new Set([
  PROVIDER.toLowerCase(),
  'microsoft.authorization',
  'microsoft.managedidentity',
  'microsoft.insights',
])
/** What a caller may set at the top of a document. */
const TOP_LEVEL = ['location', 'tags', 'identity', 'sku', 'kind', 'plan'] as const

/** `cpu-cluster`, as far as clients look at it. */
const CLUSTER = {
  osType: 'Linux',
  vmSize: 'STANDARD_DS3_V2',
  vmPriority: 'Dedicated',
  scaleSettings: { maxNodeCount: 4, minNodeCount: 0, nodeIdleTimeBeforeScaleDown: 'PT2M' },
  subnet: null,
  remoteLoginPortPublicAccess: 'NotSpecified',
  allocationState: 'Steady',
  currentNodeCount: 0,
  targetNodeCount: 0,
}

export interface ArmOptions extends OperationsOptions {
  /** Its own origin. */
  readonly origin: string
  readonly hosts: Hosts
  readonly roles?: Roles
  readonly access: (call: Call) => Promise<Access>
  /** Members on a page of a list. */
  readonly pageSize: number
  /** Where resources are kept; one of its own if absent. */
  readonly store?: Store
  /** Hands out SAS; made-up ones if absent. */
  readonly storage?: Storage | undefined
}

export function createArm(options: ArmOptions): Handler {
  const store = options.store ?? createStore()
  const operations = createOperations(options)
  const headersOf = createHeaders()
  const pending = new Map<Resource, Operation>()

  function documentOf(path: ArmPath, given: Document, by: LabIdentity | null): Document {
    const now = new Date().toISOString()
    const name = path.pairs.at(-1)?.[1] ?? ''
    const old = store.get(path.key)?.document
    const created = (old?.['systemData'] as Document | undefined) ?? {
      createdAt: now,
      createdBy: by?.oid ?? 'lab',
      createdByType: 'Application',
    }
    const top = TOP_LEVEL.filter((key) => given[key] !== undefined).map((key) => [key, given[key]])
    return {
      id: path.id,
      name,
      type: `${path.namespace}/${path.pairs.map(([type]) => type).join('/')}`,
      ...Object.fromEntries(top),
      properties: {
        ...ownProperties(path, options.hosts, properties(given)),
        ...properties(given),
        provisioningState: 'Succeeded',
      },
      systemData: {
        ...created,
        lastModifiedAt: now,
        lastModifiedBy: by?.oid ?? 'lab',
        lastModifiedByType: 'Application',
      },
    }
  }

  /** The nearest resource around this one that does not exist, if one does not. */
  function missingParent(path: ArmPath): ArmPath | null {
    const ids: string[] = []
    const segments = path.id.split('/')
    for (let up = 2; up < path.pairs.length * 2; up += 2) ids.push(segments.slice(0, -up).join('/'))
    for (const id of ids.toReversed()) {
      const parent = parseArmPath(id)
      if (parent !== null && store.get(parent.key) === null) return parent
    }
    return null
  }

  /** A version brings its container along, which tells the latest and the next one. */
  function touchContainer(path: ArmPath, by: LabIdentity | null): void {
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

  function accepted(
    path: ArmPath,
    apiVersion: string,
    finish: () => void,
    result: () => unknown,
  ): { operation: Operation; headers: Record<string, string> } {
    const operation = operations.start({
      origin: options.origin,
      subscription: path.subscription ?? SUBSCRIPTION,
      resourceId: path.id,
      finish,
      result,
    })
    return { operation, headers: operations.headers(operation, kindOf(path), apiVersion) }
  }

  async function put(call: Call, path: ArmPath, version: string, by: LabIdentity): Promise<Answer> {
    const body = await call.body()
    const given = parseDocument(body)
    const isJson = /\bjson\b/i.test(call.headers['content-type'] ?? '')
    if (given === null && isJson)
      return armError(400, 'InvalidRequestContent', 'The request content was invalid JSON.')
    const missing = isVersion(path) ? null : missingParent(path)
    if (missing !== null) {
      const message = `Can not perform requested operation on nested resource. Parent resource '${missing.pairs.at(-1)?.[1]}' not found.`
      return armError(404, 'ParentResourceNotFound', message)
    }
    const old = store.get(path.key)
    let wanted: Document = given ?? {}
    if (call.method === 'PATCH') {
      if (old === null) return notFound(path)
      const merged = { ...properties(old.document), ...properties(wanted) }
      wanted = { ...old.document, ...wanted, properties: merged }
    }
    // too long to keep, or not a document at all: what arrived can still be told by its hash
    if (given === null || body.content === null)
      wanted = { properties: { bytes: body.bytes, sha256: body.sha256 } }
    const document = documentOf(old?.path ?? path, wanted, by)
    const resource: Resource = { path: old?.path ?? path, document, reads: 0 }
    store.put(resource)
    if (isVersion(path)) touchContainer(path, by)
    const isNew = old === null
    if (!isLongRunning(path, call.method)) return show(resource, isNew ? 201 : 200)
    setState(resource, isNew ? 'Creating' : 'Updating')
    const { operation, headers } = accepted(
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
    const { headers } = accepted(
      path,
      version,
      () => {
        // a resource put again meanwhile stays
        if (store.get(path.key) === resource) store.delete(path.key)
      },
      () => null,
    )
    return { status: 202, headers }
  }

  function read(path: ArmPath): Answer {
    const name = path.pairs.at(-1)?.[1] ?? ''
    const big = bigAnswer(name)
    if (big !== null) return big
    const resource = store.get(path.key)
    if (resource === null) return notFound(path)
    resource.reads++
    const operation = pending.get(resource)
    if (operation !== undefined) operations.tick(operation)
    const state = properties(resource.document)
    if (path.type === 'workspaces/jobs' && state['status'] !== 'Canceled') {
      const status = jobStatus(resource.reads)
      resource.document = { ...resource.document, properties: { ...state, status } }
    }
    return show(resource)
  }

  function list(call: Call, path: ArmPath): Answer {
    const collection = `${path.key}/${path.rest?.toLowerCase() ?? ''}`
    const missing = path.pairs.length === 0 ? null : store.get(path.key) === null ? path : null
    // nothing was ever put into it, and the SDK asks so before it uploads
    if (missing !== null && isContainer(path)) return json(200, { value: [] })
    if (missing !== null) return notFound(path)
    // workspaces and registries are also listed for a subscription, other resources only by their parent
    const all =
      path.pairs.length === 0
        ? store.below(path.key.split('/providers/')[0] ?? '', path.rest?.toLowerCase() ?? '')
        : store.list(collection)
    const hash = call.params.get('hash')
    const found = all.filter(
      (one) => hash === undefined || properties(one.document)['hash'] === hash,
    )
    if (call.params.get('$orderby') === 'createdtime desc') found.reverse()
    const top = Number(call.params.get('$top') ?? '')
    const size = Number.isInteger(top) && top > 0 ? top : options.pageSize
    const token = call.params.get('$skip') ?? call.params.get('$skiptoken')
    const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64url').toString('utf8'))
    if (!Number.isInteger(start) || start < 0)
      return armError(400, 'InvalidSkipToken', 'The skip token is invalid.')
    const value = found.slice(start, start + size).map((one) => one.document)
    const next = start + size
    if (next >= found.length) return json(200, { value })
    const query = new URLSearchParams([...call.params].filter(([name]) => name !== '$skip'))
    query.set('$skip', Buffer.from(String(next)).toString('base64url'))
    return json(200, { value, nextLink: `${options.origin}${call.path}?${query.toString()}` })
  }

  async function act(call: Call, path: ArmPath, version: string): Promise<Answer> {
    await call.body()
    const action = path.rest ?? ''
    const resource = store.get(path.key)
    if (resource === null && !/pendingupload$/i.test(action)) return notFound(path)
    const result =
      (await storageResult(options.storage, path, action)) ??
      actionResult(path, action, resource?.document ?? {})
    if (!isLongRunningAction(action)) return json(200, result ?? {})
    if (resource !== null && path.type === 'workspaces/jobs' && action.toLowerCase() === 'cancel') {
      const cancelled = { ...properties(resource.document), status: 'Canceled' }
      resource.document = { ...resource.document, properties: cancelled }
    }
    const { headers } = accepted(
      path,
      version,
      () => {},
      () => result,
    )
    return { status: 202, headers }
  }

  function poll(path: ArmPath): Answer | null {
    const [type, id] = path.pairs.at(-1) ?? ['', '']
    const kind = type.toLowerCase()
    const isStatus = kind.endsWith('operationsstatus')
    if (!isStatus && !/operations?results$/.test(kind)) return null
    const operation = operations.find(id)
    if (operation === null) return armError(404, 'NotFound', `Operation '${id}' was not found.`)
    operations.tick(operation)
    const headers = operations.headers(operation, '', '2024-04-01')
    return isStatus ? operations.status(operation) : operations.result(operation, headers)
  }

  async function route(call: Call, by: LabIdentity): Promise<Answer> {
    const path = parseArmPath(call.path)
    if (path === null) return armError(400, 'InvalidRequestUri', 'The request URI is invalid.')
    const version = call.params.get('api-version')
    if (version === undefined || version === '') {
      const message =
        'The api-version query parameter (?api-version=) is required for all requests.'
      return armError(400, 'MissingApiVersionParameter', message)
    }
    if (path.namespace === null) return scope(path)
    if (!NAMESPACES.has(path.namespace.toLowerCase())) {
      const message = `The resource namespace '${path.namespace}' is invalid.`
      return armError(404, 'InvalidResourceNamespace', message)
    }
    const roles = options.roles?.answer(call, path) ?? null
    if (roles !== null) return roles
    const polled = call.method === 'GET' ? poll(path) : null
    if (polled !== null) return polled
    const isRead = call.method === 'GET' || call.method === 'HEAD'
    if (isRead) return path.rest === null ? read(path) : list(call, path)
    if (call.method === 'POST' && path.rest !== null) return act(call, path, version)
    if (path.rest === null && path.pairs.length > 0) {
      if (call.method === 'PUT' || call.method === 'PATCH') return put(call, path, version, by)
      if (call.method === 'DELETE') return remove(path, version)
    }
    return armError(405, 'MethodNotAllowed', `The method ${call.method} is not allowed here.`)
  }

  function seed(name: string): void {
    const path = parseArmPath(workspaceId(name))
    if (path === null) throw new Error('the ids of the lab are in the grammar')
    const own = { location: REGION, kind: 'Default', properties: { friendlyName: name } }
    store.put({ path, document: documentOf(path, own, null), reads: 0 })
    const cluster = parseArmPath(`${path.id}/computes/cpu-cluster`)
    const datastore = parseArmPath(`${path.id}/datastores/workspaceblobstore`)
    if (cluster === null || datastore === null)
      throw new Error('the ids of the lab are in the grammar')
    const compute = {
      location: REGION,
      properties: { computeType: 'AmlCompute', computeLocation: REGION, properties: CLUSTER },
    }
    store.put({ path: cluster, document: documentOf(cluster, compute, null), reads: 0 })
    const blob = documentOf(datastore, datastoreDocument(), null)
    store.put({ path: datastore, document: blob, reads: 0 })
  }
  seed(WORKSPACE)
  seed(OTHER_WORKSPACE)

  return async (call) => {
    const access = await options.access(call)
    const answer = 'refusal' in access ? access.refusal : await route(call, access.identity)
    return {
      ...answer,
      headers: { ...headersOf(call), 'x-ms-served-by': `lab-${randomUUID()}`, ...answer.headers },
    }
  }
}
