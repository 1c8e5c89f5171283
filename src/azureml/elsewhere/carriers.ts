/**
 * Which bodies can name something outside of the workspace that a call is about, and so must be read.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Target } from '../target.ts'

/**
 * Data-plane calls whose bodies hold measurements, text, filters, or ids within the path's own workspace: Azure follows
 * nothing in them. Everything else may have references.
 */
const CANNOT = [
  /^(?:history|metric)\/.*\/(?:events|cancel|metrics|tags|spans|metrics:query|runs:query|experiments:query|runids|tags:delete|deleteconfiguration|list|full|sample|batch|azuremonitor\/list|rundata|batchrundata)$/,
  /^(?:execution|hyperdrive|pipelines)\/.*\/cancel$/,
  /^(?:artifact|content)\//,
  /^modelmanagement\/.*\/(?:list|querybatch|listkeys|regeneratekeys|token)$/,
  /\/mlflow\/(?:runs\/(?:search|delete|restore|log-metric|log-parameter|log-batch|log-batch-async|set-tag|delete-tag)|experiments\/(?:search|delete|restore|set-experiment-tag|delete-experiment-tag)|scorers\/.+|artifacts\/presigned-(?:up|down)load-url|logged-models\/search|logged-models\/[^/]+\/(?:params|tags)|registered-models\/(?:rename|get-latest-versions|set-tag|alias)|model-versions\/(?:transition-stage|set-tag))$/,
]

/** What MLflow keeps as it is sent: traces with their assessments, and evaluation data sets. */
const TEXTS: ReadonlySet<string> = new Set(['Trace', 'Dataset'])

/** Whether what a call sends can lead Azure to something outside. */
export function canRefer(
  { family, action, word, resource }: Operation,
  { segments }: Target,
): boolean {
  if (family === 'scoring') return action.includes('/jobs/')
  if (family === 'mlflow' && TEXTS.has(resource.type)) return false
  // a run may be called `events`: a name is never taken for a word of the route
  if (family === 'arm' || word === undefined) return true
  const path = segments.join('/').toLowerCase()
  return !CANNOT.some((pattern) => pattern.test(path))
}
