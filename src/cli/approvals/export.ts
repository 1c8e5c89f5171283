/**
 * `approvals export`: what was approved, for Azure's own policy, which holds for callers who go around the gateway too.
 * @module
 */
import { askGateway, list, object, text, type Members } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'
import { exportDocuments } from './export-documents.ts'
import { reviewsOf } from './list.ts'
import { MISSING, pathOfReview } from './show.ts'

export interface ExportOptions extends Wanted {
  readonly add?: readonly string[] | undefined
  readonly effect: string
  readonly documents?: string | undefined
  readonly keys?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

const ASSET = /^azureml:\/\/registries\/[\w.-]+\/models\/[\w.-]+(?:\/versions\/[\w.-]+)?$/u

/** All documents of a copy of the ledger, or what was approved, as the gateway tells it. */
export async function exported(options: ExportOptions, io: Io): Promise<number> {
  const { documents, keys, since, until } = options
  if (documents !== undefined && keys !== undefined)
    return exportDocuments({ documents, keys, since, until }, io)
  if (documents !== undefined || keys !== undefined)
    throw new UsageError('--documents and --keys go together')
  if (since !== undefined || until !== undefined)
    throw new UsageError('--since and --until are for --documents')
  return exportApproved(options, io)
}

async function exportApproved(options: ExportOptions, io: Io): Promise<number> {
  const added = options.add ?? []
  for (const id of added)
    if (!ASSET.test(id))
      throw new UsageError('--add is like azureml://registries/NAME/models/NAME/versions/1')
  const found = new Set(added)
  const review = async (id: string): Promise<Members> =>
    askGateway(io, options, pathOfReview(id), { ifMissing: MISSING })
  for (const state of ['approved', 'used'])
    for (const one of (await reviewsOf({ state }, Infinity, options, io)).found)
      for (const id of approvedModels(await review(text(object(one).get('id'))))) found.add(id)
  const parameters = {
    allowedAssetIds: { value: [...found].sort() },
    allowedPublishers: { value: [] },
    effect: { value: options.effect },
  }
  io.out(JSON.stringify(parameters, null, 2))
  return EXIT.ok
}

/**
 * Models of registries in a review that has approved them, by their asset ids: Azure's policy knows no others.
 * @param review as the gateway shows it
 */
export function approvedModels(review: Members): readonly string[] {
  const override = object(review.get('override'))
  // what was let through before its review is not approved by that
  if (override.size > 0 && override.get('afterwards') !== 'approved') return []
  return list(object(review.get('shown')).get('lineage')).flatMap((one) => {
    // what a model was copied from is not what was reviewed
    if (text(object(one).get('copiedTo')) !== '') return []
    const [, registry, name, version] =
      /\/registries\/([\w.-]+)\/models\/([\w.-]+)\/versions\/([\w.-]+)$/iu.exec(
        text(object(one).get('model')),
      ) ?? []
    return registry === undefined
      ? []
      : [`azureml://registries/${registry}/models/${name}/versions/${version}`]
  })
}
