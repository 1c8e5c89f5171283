/**
 * Azure Resource Manager for Microsoft.MachineLearningServices: stateful, and the same for every resource type.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { json, type Answer, type Call, type Handler } from '../../server/call.ts'
import { OTHER_WORKSPACE, WORKSPACE, type LabIdentity } from '../../personas.ts'
import type { Storage } from '../storage.ts'
import { createAccept } from './accept.ts'
import type { Access } from './access.ts'
import { armError, createHeaders } from './answers.ts'
import { AROUND } from './around.ts'
import { bigAnswer } from './big.ts'
import { notFound, properties, scope, show } from './documents.ts'
import { actionResult, isLongRunningAction, jobStatus, type Hosts } from './kinds.ts'
import { createLists } from './lists.ts'
import { locationList } from './locations.ts'
import { createMakeDocument } from './make-document.ts'
import {
  createOperations,
  type Operation,
  type Operations,
  type OperationsOptions,
} from './operations.ts'
import type { ExternalEvaluation } from './external-evaluation.ts'
import { parseArmPath, PROVIDER, type ArmPath } from './paths.ts'
import type { Roles } from './roles.ts'
import { seed } from './seed.ts'
import { createStore, type Resource, type Store } from './store.ts'
import { storageResult } from './uploads.ts'
import { createWrites } from './writes.ts'

const NAMESPACES = new Set<string>([PROVIDER.toLowerCase(), ...AROUND])

export interface ArmOptions extends OperationsOptions {
  /** Its own origin. */
  readonly origin: string
  readonly hosts: Hosts
  readonly roles?: Roles
  readonly evaluation?: ExternalEvaluation
  readonly access: (call: Call) => Promise<Access>
  /** Members on a page of a list. */
  readonly pageSize: number
  /** Where resources are kept; one of its own if absent. */
  readonly store?: Store
  /** Hands out SAS; made-up ones if absent. */
  readonly storage?: Storage | undefined
}

/** What the lab's Azure remembers. */
interface State {
  readonly store: Store
  readonly operations: Operations
  /** Resources whose operation is not done. */
  readonly pending: Map<Resource, Operation>
}

/** Reading a resource moves its job or its operation on. */
function read({ store, operations, pending }: State, path: ArmPath): Answer {
  const name = path.pairs.at(-1)?.[1] ?? ''
  const big = bigAnswer(name)
  if (big !== null) return big
  const resource = store.get(path.key)
  if (resource === null) return notFound(path)
  resource.reads++
  const operation = pending.get(resource)
  if (operation !== undefined) operations.tick(operation)
  const state = properties(resource.document)
  const isJob = path.type === 'workspaces/jobs' && resource.document['properties'] !== null
  if (isJob && state['status'] !== 'Canceled') {
    const status = jobStatus(resource.reads)
    resource.document = { ...resource.document, properties: { ...state, status } }
  }
  return show(resource)
}

/** The answer to a poll of an operation; null if the path is none. */
function poll(operations: Operations, path: ArmPath): Answer | null {
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

export function createArm(options: ArmOptions): Handler {
  const store = options.store ?? createStore()
  const operations = createOperations(options)
  const headersOf = createHeaders()
  const pending = new Map<Resource, Operation>()
  const documentOf = createMakeDocument(store, options.hosts)
  const accept = createAccept(operations, options.origin)
  const writes = createWrites({ store, documentOf, accept, pending })
  const list = createLists({ store, origin: options.origin, pageSize: options.pageSize })

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
    const { headers } = accept(
      path,
      version,
      () => {},
      () => result,
    )
    return { status: 202, headers }
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
    const own =
      (await options.evaluation?.answer(call, by)) ??
      (await options.roles?.answer(call, path)) ??
      null
    if (own !== null) return own
    const polled = call.method === 'GET' ? poll(operations, path) : null
    if (polled !== null) return polled
    const isRead = call.method === 'GET' || call.method === 'HEAD'
    if (isRead)
      return path.rest === null
        ? read({ store, operations, pending }, path)
        : (locationList(path, version) ?? list(call, path))
    if (call.method === 'POST' && path.rest !== null) return act(call, path, version)
    if (path.rest === null && path.pairs.length > 0) {
      if (call.method === 'PUT' || call.method === 'PATCH')
        return writes.put(call, path, version, by)
      if (call.method === 'DELETE') return writes.remove(path, version)
    }
    return armError(405, 'MethodNotAllowed', `The method ${call.method} is not allowed here.`)
  }

  seed(store, documentOf, WORKSPACE)
  seed(store, documentOf, OTHER_WORKSPACE)

  return async (call) => {
    const access = await options.access(call)
    const answer = 'refusal' in access ? access.refusal : await route(call, access.identity)
    return {
      ...answer,
      headers: { ...headersOf(call), 'x-ms-served-by': `lab-${randomUUID()}`, ...answer.headers },
    }
  }
}
