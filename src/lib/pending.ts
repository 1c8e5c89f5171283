/**
 * Values that are mostly known already: who asks for one waits only if it has to.
 * @module
 */

/** Known, or on its way. What is wrong is thrown, or rejects. */
export type Pending<T> = T | Promise<T>

/** Whether there is something to wait for. `await` alone would put off what is known, and everything behind it. */
export function isPending<T>(value: Pending<T>): value is Promise<T> {
  return value instanceof Promise
}

/** What `next` makes of a value: at once if the value is known. */
export function after<T, U>(value: Pending<T>, next: (known: T) => Pending<U>): Pending<U> {
  return isPending(value) ? value.then(next) : next(value)
}
