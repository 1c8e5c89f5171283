/**
 * Loads the configuration file: strict YAML, checked against the schema and the rules of cross-checks.ts.
 * @module
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { ConfigError, formatKey } from './faults.ts'
import { parseYaml } from './document.ts'
import { isConfig } from './validate.ts'
import { crossCheck } from './cross-checks.ts'
import { SINK_PATHS } from './schema/sink-roles.ts'
import type { Config } from './schema/schema.ts'
import type { Finding } from './validate.ts'
import { fileFaultOf } from '../lib/file-fault.ts'

/** Every key of the schema that names a file or a directory; a test compares this list with the schema. */
export const PATH_KEYS: ReadonlySet<string> = new Set([
  'bindings',
  'caFile',
  'certFile',
  'denyListFile',
  'directory',
  'fromFile',
  'keyFile',
  'signingKeyFile',
  'tokenFile',
  ...SINK_PATHS,
])

/**
 * Reads and checks a configuration file. The result is deeply frozen and all its paths are absolute,
 * resolved against the file's own directory.
 * @throws ConfigError with every fault that could be found, in the order of the file
 */
export async function loadConfig(file: string): Promise<Config> {
  const text = await readText(file)
  const yaml = parseYaml(file, text)
  const { data } = yaml
  const reject = (findings: readonly Finding[]): never => {
    const faults = findings.map(({ path: keys, message }) => ({
      key: formatKey(keys),
      ...yaml.locate(keys),
      message,
    }))
    throw new ConfigError(
      file,
      faults.toSorted((a, b) => a.line - b.line || a.column - b.column),
    )
  }
  if (!isConfig(data, reject)) return reject([])
  const contradictions = crossCheck(data, yaml.has)
  if (contradictions.length > 0) return reject(contradictions)
  absolutePaths(data, path.dirname(path.resolve(file)))
  return data
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    const message = fileFaultOf(error)?.what ?? 'is not UTF-8 text'
    throw new ConfigError(file, [{ key: '', line: 1, column: 1, message }])
  }
}

/** Resolves all paths inside `value` against `directory`, in place, and freezes it deeply. */
function absolutePaths(value: object, directory: string): void {
  for (const [key, child] of entriesOf(value)) {
    if (typeof child === 'string' && PATH_KEYS.has(key)) {
      Reflect.set(value, key, path.resolve(directory, child))
    } else if (typeof child === 'object' && child !== null) absolutePaths(child, directory)
  }
  Object.freeze(value)
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value)
}
