/**
 * Who is told when Node is done with a response, however it ended: one listener of Node's for all of them, because each
 * costs a call as much as what it does.
 * @module
 */
import type { ServerResponse } from 'node:http'

const CLOSERS = Symbol('closers')

interface Closing extends ServerResponse {
  [CLOSERS]?: (() => void)[]
}

/** Calls `closed` once, after all that were given before it. */
export function onceClosed(response: Closing, closed: () => void): void {
  const known = response[CLOSERS]
  if (known !== undefined) {
    known.push(closed)
    return
  }
  response[CLOSERS] = [closed]
  response.on('close', tell)
}

/** Node may say it a second time of a response that it had forgotten. */
function tell(this: Closing): void {
  const closers = this[CLOSERS] ?? []
  this[CLOSERS] = []
  for (const closed of closers) closed()
}
