/**
 * An operation that goes on after its answer, and the headers that lead to its end.
 * @module
 */
import { SUBSCRIPTION } from '../../personas.ts'
import { kindOf } from './kinds.ts'
import type { Operation, Operations } from './operations.ts'
import type { ArmPath } from './paths.ts'

/** What a long-running call leaves to be polled for. */
interface Accepted {
  readonly operation: Operation
  readonly headers: Record<string, string>
}

/** `finish` runs once the operation is done; `result` is what it then answers with. */
export type Accept = (
  path: ArmPath,
  apiVersion: string,
  finish: () => void,
  result: () => unknown,
) => Accepted

export function createAccept(operations: Operations, origin: string): Accept {
  return (path, apiVersion, finish, result) => {
    const operation = operations.start({
      origin,
      subscription: path.subscription ?? SUBSCRIPTION,
      resourceId: path.id,
      finish,
      result,
    })
    return { operation, headers: operations.headers(operation, kindOf(path), apiVersion) }
  }
}
