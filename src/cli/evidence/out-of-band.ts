/**
 * What Azure grants besides the policies, from a result of `policy drift --output json` that is given as a file.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { isObject, parseStrictJson } from '../../lib/strict-json.ts'
import { Problem } from '../problem.ts'
import type { Table } from '../csv.ts'
import type { Exception } from './exceptions.ts'

/** What one identity has at one scope. */
export interface Granted {
  readonly identity: string
  readonly scope: string
  readonly missing: readonly string[]
  readonly excess: readonly string[]
}

/** @throws Problem for what is no such result */
export async function readDrift(file: string): Promise<readonly Granted[]> {
  const wrong = new Problem(
    `"${file}" is no result of policy drift`,
    'write it with azureml-harness policy drift --output json',
  )
  let value: unknown
  try {
    value = parseStrictJson(await readFile(file))
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error
    throw wrong
  }
  const list: unknown = isObject(value) ? value['drift'] : null
  if (!Array.isArray(list)) throw wrong
  return list.map((one: unknown) => {
    if (!isObject(one)) throw wrong
    const { identity, scope, missing, excess } = one
    if (typeof identity !== 'string' || typeof scope !== 'string') throw wrong
    if (!isTexts(missing) || !isTexts(excess)) throw wrong
    return { identity, scope, missing, excess }
  })
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

export function outOfBand(granted: readonly Granted[]): {
  readonly table: Table
  readonly exceptions: readonly Exception[]
} {
  return {
    table: {
      path: '02-access-changes/out-of-band.csv',
      columns: ['identity', 'scope', 'what', 'action'],
      rows: granted.flatMap(({ identity, scope, missing, excess }) => [
        ...excess.map((action) => [identity, scope, 'excess', action]),
        ...missing.map((action) => [identity, scope, 'missing', action]),
      ]),
      what: 'What Azure granted the managed identities when it was asked, beyond what the policies need (excess) and short of it (missing).',
    },
    exceptions: granted
      .filter(({ excess }) => excess.length > 0)
      .map(({ identity, scope, excess }) => ({
        kind: 'exception',
        control: 'AMH-13',
        what: `Azure grants it ${excess.length} actions that no policy needs`,
        where: `identity ${identity} on ${scope}`,
      })),
  }
}
