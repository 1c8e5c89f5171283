/**
 * Long-running operations: status and result URLs on ARM's own host, done after some polls.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { PROVIDER } from './paths.ts'
import { json, type Answer } from '../../server/call.ts'
import { REGION } from '../../personas.ts'

export interface Operation {
  readonly id: string
  readonly startTime: string
  readonly origin: string
  readonly subscription: string
  readonly resourceId: string
  left: number
  /** Carried out when the last poll has been answered. */
  readonly finish: () => void
  /** Answer of the `Location` URL once done; null means 204. */
  readonly result: () => unknown
}

export interface Operations {
  start(operation: Omit<Operation, 'id' | 'startTime' | 'left'>): Operation
  /** `Azure-AsyncOperation`, `Location` and `Retry-After` of an accepted call. */
  headers(operation: Operation, kind: string, apiVersion: string): Record<string, string>
  /** Counts one poll. */
  tick(operation: Operation): void
  find(id: string): Operation | null
  status(operation: Operation): Answer
  result(operation: Operation, retry: Record<string, string>): Answer
}

export interface OperationsOptions {
  /** Polls answered with "in progress" before an operation is done. */
  readonly polls: number
  readonly retryAfterSeconds: number
}

/** The collection of a location that answers polls for a resource type. */
function statusCollection(kind: string): string {
  if (kind === 'workspaces') return 'workspaceOperationsStatus'
  return kind === 'computes' ? 'computeOperationsStatus' : 'mfeOperationsStatus'
}

export function createOperations(options: OperationsOptions): Operations {
  const all = new Map<string, Operation>()
  const retry = { 'retry-after': String(options.retryAfterSeconds) }

  const isDone = (operation: Operation): boolean => operation.left <= 0

  return {
    start(given) {
      const operation: Operation = {
        ...given,
        id: randomUUID(),
        startTime: new Date().toISOString(),
        left: options.polls,
      }
      all.set(operation.id, operation)
      if (isDone(operation)) operation.finish()
      return operation
    },
    headers(operation, kind, apiVersion) {
      const base =
        `${operation.origin}/subscriptions/${operation.subscription}` +
        `/providers/${PROVIDER}/locations/${REGION}`
      const query = `?api-version=${encodeURIComponent(apiVersion)}`
      return {
        'azure-asyncoperation': `${base}/${statusCollection(kind)}/${operation.id}${query}`,
        location: `${base}/mfeOperationResults/${operation.id}${query}`,
        'x-ms-async-operation-timeout': 'PT1H',
        ...retry,
      }
    },
    tick(operation) {
      if (isDone(operation)) return
      operation.left--
      if (isDone(operation)) operation.finish()
    },
    find: (id) => all.get(id.toLowerCase()) ?? null,
    status(operation) {
      const done = isDone(operation)
      const body = {
        id: operation.id,
        name: operation.id,
        status: done ? 'Succeeded' : 'InProgress',
        startTime: operation.startTime,
        percentComplete: done ? 100 : 50,
        ...(done ? { endTime: new Date().toISOString() } : {}),
      }
      return json(200, body, done ? {} : retry)
    },
    result(operation, headers) {
      if (!isDone(operation)) return { status: 202, headers: { ...headers, ...retry } }
      const value = operation.result()
      return value === null ? { status: 204 } : json(200, value)
    },
  }
}
