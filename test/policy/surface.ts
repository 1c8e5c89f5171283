import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { classify } from '../../src/azureml/classify.ts'
import type { Operation } from '../../src/vocabulary/operation.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { fill, type SurfaceOperation } from '../support/surface.ts'

/** One of the published data files; the folder is found as test/support/surface.ts finds it. */
export function published(name: string): unknown {
  let folder = import.meta.dirname
  for (;;) {
    try {
      return JSON.parse(readFileSync(join(folder, 'shared', 'azureml', name), 'utf8'))
    } catch {
      if (folder === '/') throw new Error(`${name} is not beside this repository`)
      folder = join(folder, '..')
    }
  }
}

/** A published operation as this gateway classifies it. */
export function classified(row: SurfaceOperation): Operation {
  return classify(parseTarget(row.method, `${fill(row.path)}?api-version=2024-04-01`))
}
