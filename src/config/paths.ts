/**
 * Paths in a configuration are relative to the file that they stand in, wherever the process was started.
 * @module
 */
import path from 'node:path'
import { SINK_PATHS } from './schema/sinks.ts'

/** Every key of the schema that names a file or a directory; a test holds this list against the schema. */
export const PATH_KEYS: ReadonlySet<string> = new Set([
  'bindings',
  'certFile',
  'denyListFile',
  'directory',
  'fromFile',
  'keyFile',
  'signingKeyFile',
  'tokenFile',
  ...SINK_PATHS,
])

/** Makes all paths inside `value` absolute and freezes it, in place and to its depth. */
export function settle(value: object, directory: string): void {
  for (const [key, child] of entriesOf(value)) {
    if (typeof child === 'string' && PATH_KEYS.has(key)) {
      Reflect.set(value, key, path.resolve(directory, child))
    } else if (typeof child === 'object' && child !== null) settle(child, directory)
  }
  Object.freeze(value)
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value)
}
