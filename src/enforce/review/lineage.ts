/**
 * Where the models of a change come from: who registered them, by which job, of which commit.
 *
 * Whoever made a model has a part in its release, and does not review it. What Azure does not tell stays unknown.
 * @module
 */
import type { Lineage } from '../../approvals/documents.ts'
import { parseReference, parseShort, type Reference } from '../../azureml/body/reference.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import type { JsonNode } from '../../lib/json/document.ts'

/** A document of Resource Manager's by its id; null if there is none, or it may not be read. */
export type DocumentAt = (id: string) => Promise<unknown>

const MAX_MODELS = 20
/** Members that name a model, in lower case. */
const NAMING = new Set(['model', 'modelid', 'assetid', 'sourceassetid'])
const STAMP = 'harness.principal'
const COMMITS = ['mlflow.source.git.commit', 'azureml.git.commit']

/** Models that a document names, as ids of Resource Manager's; those of a registry that is named alone, as `azureml://`. */
export function modelsIn(root: JsonNode | null, scope: string | null): readonly string[] {
  const found = new Set<string>()
  const visit = (node: JsonNode, name: string): void => {
    if (node.kind === 'object')
      for (const { key, value } of node.members) visit(value, key.toLowerCase())
    else if (node.kind === 'array') for (const item of node.items) visit(item, name)
    else if (node.kind === 'string' && NAMING.has(name)) {
      const id = idOf(parseReference(node.value, scope) ?? parseShort(node.value), scope)
      if (id !== null) found.add(id)
    }
  }
  if (root !== null) visit(root, '')
  return [...found].slice(0, MAX_MODELS)
}

function idOf(reference: Reference | null, scope: string | null): string | null {
  if (reference?.type !== 'asset' || reference.version === null) return null
  if (reference.kind !== null && reference.kind !== 'models') return null
  const { elsewhere, registry, registryId, name, version } = reference
  if (registry !== null && registryId === null)
    return `azureml://registries/${registry}/models/${name}/versions/${version}`
  const home = registry === null ? (elsewhere ?? scope) : registryId
  return home === null ? null : `${home}/models/${name}/versions/${version}`
}

export async function lineageOf(id: string, documentAt: DocumentAt): Promise<Lineage> {
  // nobody tells where a registry that is named alone is
  if (id.startsWith('azureml://'))
    return { model: id, author: null, job: null, jobAuthor: null, commit: null }
  const properties = fieldsOf(fieldsOf(await documentAt(id)).get('properties'))
  const author = textIn(fieldsOf(properties.get('tags')), [STAMP])
  const job = textIn(properties, ['jobName'])
  const scope = /^(.*\/workspaces\/[^/]+)\//u.exec(id)?.[1] ?? null
  const known = job === null || scope === null || !/^[\w.-]{1,255}$/u.test(job) ? null : job
  const made =
    known === null
      ? new Map<string, unknown>()
      : fieldsOf(fieldsOf(await documentAt(`${scope}/jobs/${known}`)).get('properties'))
  return {
    model: id,
    author,
    job: known,
    jobAuthor: textIn(fieldsOf(made.get('tags')), [STAMP]),
    commit: textIn(fieldsOf(made.get('properties')), COMMITS),
  }
}

function textIn(fields: ReadonlyMap<string, unknown>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = fields.get(name)
    if (typeof value === 'string' && value !== '' && value.length <= 512) return value
  }
  return null
}
