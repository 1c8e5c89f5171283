/**
 * The published API surface as data, where it is at hand: `shared/azureml` beside the repository or above it.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { classify } from '../../src/azureml/classify.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import type { Operation } from '../../src/vocabulary/operation.ts'

/** One operation of the data; placeholders in `path`. */
export interface SurfaceOperation {
  readonly operationId?: string
  readonly method: string
  readonly path: string
  readonly action?: string
  readonly armAction?: string | null
  readonly longRunning?: boolean
  readonly returnsSecrets?: boolean
  readonly family?: string
  readonly note?: string
  readonly sensitiveResponse?: string
}

/** The folder itself; null where it is absent. */
export const FOLDER = find()

/** A reason to skip, or false where the data is at hand. */
export const absent: string | false =
  FOLDER === null ? 'shared/azureml is not beside this repository' : false

function find(): string | null {
  let folder = import.meta.dirname
  for (;;) {
    const candidate = join(folder, 'shared', 'azureml')
    if (existsSync(candidate)) return candidate
    const parent = dirname(folder)
    if (parent === folder) return null
    folder = parent
  }
}

/** Where a file of the data is; only where the data is at hand. */
export function locate(name: string): string {
  return join(FOLDER ?? '', name)
}

/** One file of the data, empty where the data is absent. */
export function surface(name: string): readonly SurfaceOperation[] {
  return FOLDER === null ? [] : (published(name) as SurfaceOperation[])
}

/** One file of the data, of whatever form; only where the data is at hand. */
export function published(name: string): unknown {
  return JSON.parse(readFileSync(locate(name), 'utf8'))
}

/** A published operation as this gateway classifies it. */
export function classified(row: SurfaceOperation): Operation {
  return classify(parseTarget(row.method, `${fill(row.path)}?api-version=2024-04-01`))
}

/** A concrete path for a template: a GUID for the subscription, `Name-1` and so on for the rest. */
export function fill(path: string): string {
  return path
    .replaceAll('{subscriptionId}', '00000000-0000-0000-0000-00000000000a')
    .replaceAll('[/{name}]', '')
    .replaceAll('{v1.0|v2.0}', 'v2.0')
    .replaceAll('{true|false}', 'true')
    .replaceAll(
      '{armScope}',
      'subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/experiments/exp',
    )
    .replaceAll(/\{(\w+)\}/g, 'The-$1')
}
