/**
 * `approvals export`: what was approved, for Azure's own policy, which holds for callers who go around the gateway too.
 * @module
 */
import { askGateway, list, object, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'
import { reviewsOf } from './list.ts'
import { MISSING, pathOfReview } from './show.ts'

export interface ExportOptions extends Wanted {
  readonly add?: readonly string[] | undefined
  readonly effect: string
}

const ASSET = /^azureml:\/\/registries\/[\w.-]+\/models\/[\w.-]+(?:\/versions\/[\w.-]+)?$/u

export async function exportApproved(options: ExportOptions, io: Io): Promise<number> {
  const added = options.add ?? []
  for (const id of added)
    if (!ASSET.test(id))
      throw new UsageError('--add is like azureml://registries/NAME/models/NAME/versions/1')
  const found = new Set(added)
  for (const state of ['approved', 'used'])
    for (const one of (await reviewsOf({ state }, Infinity, options, io)).found)
      for (const id of await modelsOf(text(object(one).get('id')), options, io)) found.add(id)
  const parameters = {
    allowedAssetIds: { value: [...found].sort() },
    allowedPublishers: { value: [] },
    effect: { value: options.effect },
  }
  io.out(JSON.stringify(parameters, null, 2))
  return EXIT.ok
}

/** Models of registries: Azure's policy knows no others. */
async function modelsOf(id: string, options: Wanted, io: Io): Promise<readonly string[]> {
  const review = await askGateway(io, options, pathOfReview(id), { ifMissing: MISSING })
  return list(object(review.get('shown')).get('lineage')).flatMap((one) => {
    const model = text(object(one).get('model'))
    const [, registry, name, version] =
      /\/registries\/([\w.-]+)\/models\/([\w.-]+)\/versions\/([\w.-]+)$/iu.exec(model) ?? []
    return registry === undefined
      ? []
      : [`azureml://registries/${registry}/models/${name}/versions/${version}`]
  })
}
