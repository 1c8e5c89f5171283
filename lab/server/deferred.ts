/**
 * A promise with its two ends, for events that are not functions.
 * @module
 */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

const nothing = (): void => {}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = nothing
  let reject: (reason: unknown) => void = nothing
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
