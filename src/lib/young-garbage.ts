/**
 * Buffers that many bytes came in, collected while they are young.
 *
 * V8 decides by its own heap when to collect young garbage, and there a buffer takes a few words. Where bytes come in fast,
 * their memory reaches its limit first, and it looks through all of the heap again and again: that took more CPU than all
 * that was done with the bytes.
 * @module
 */
import { setFlagsFromString } from 'node:v8'
import { createContext, Script } from 'node:vm'

/** A quarter of what makes V8 look through all of the heap: what is being sent takes the rest. */
const BYTES = 16 * 1024 * 1024

let passed = 0
let collect: (() => void) | null = null

/** So many bytes came in buffers that nobody has any more. */
export function passedBytes(bytes: number): void {
  passed += bytes
  if (passed < BYTES) return
  passed = 0
  collect ??= collector()
  collect()
}

/** V8's own function, which a context has that is made while it is exposed. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const context = createContext()
  setFlagsFromString('--no-expose-gc')
  const script = new Script("gc({ type: 'minor' })")
  return () => void script.runInContext(context)
}
