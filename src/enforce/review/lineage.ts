/**
 * Where the models of a change come from: who registered them, by which job, of what data, code and commit; and the same
 * of the models that they were made of.
 *
 * Whoever made a model has a part in its release, and does not review it. What Azure does not tell stays unknown.
 * @module
 */
import type { Lineage } from '../../approvals/documents.ts'
import { withoutSecrets } from '../../azureml/answers/secrets.ts'
import { parseReference, parseShort, type Reference } from '../../azureml/body/reference.ts'
import { isRunId } from '../../azureml/dataplane/kinds.ts'
import { Refusal } from '../../errors.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import type { JsonNode } from '../../lib/json/document.ts'

/** A document of Resource Manager's by its id; null if there is none, or it may not be read. */
export type DocumentAt = (id: string) => Promise<unknown>

export interface LineageOptions {
  readonly documentAt: DocumentAt
  /** Tags of a run of the call's workspace, as `name=value`, with those of all that it is in; null if there is none. */
  readonly tagsOfRun: (run: string) => Promise<readonly string[] | null>
  /** The ARM id of a registry; null if nobody tells. */
  readonly registryAt: (name: string) => Promise<string | null>
  /** The workspace of the call, in lower case. */
  readonly scope: string | null
}

/** What is known of models, and everybody who has a part in them. */
export interface Origins {
  readonly lineage: readonly Lineage[]
  readonly authors: readonly string[]
}

const MAX_MODELS = 20
const MAX_INPUTS = 20
const MAX_TEXT = 300
const MAX_URI = 2_048
const IS_URI = /^(?:azureml:|runs:|models:|\/subscriptions\/)/iu
/** Members that name a model, in lower case. */
const NAMING = new Set(['model', 'modelid', 'assetid', 'sourceassetid'])
const STAMP = 'harness.principal'
const COMMITS = ['mlflow.source.git.commit', 'azureml.git.commit']
/** A job in the URI of its output: by its name, by MLflow's form, or by the folder of its artifacts. */
const JOB_IN_URI = /(?:\/jobs\/|^(?:azureml:)?runs:\/+|\/dcid\.)([\w.-]{1,255})(?:\/|$)/iu
const WORKSPACE_IN_URI =
  /\/?(subscriptions\/[^/]+\/resourcegroups\/[^/]+)\/(?:providers\/microsoft\.machinelearningservices\/)?workspaces\/([^/]+)/iu

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
  return [...found]
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

/**
 * The models, and those that they are copies of, each once.
 * @throws {Refusal} `policy_refused` if they are too many: who made one that is not looked at could review it
 */
export async function originsOf(
  models: readonly string[],
  options: LineageOptions,
): Promise<Origins> {
  // by each model the one that is a copy of it
  const known = new Map<string, string | null>(models.map((model) => [model, null]))
  const lineage: Lineage[] = []
  const authors = new Set<string>()
  // what is found on the way comes behind those that are there
  for (const [id, copiedTo] of known) {
    const one = await originOf(id, options)
    lineage.push(...one.lineage.map((row) => (copiedTo === null ? row : { ...row, copiedTo })))
    for (const author of one.authors) authors.add(author)
    for (const source of one.sources) if (!known.has(source)) known.set(source, id)
    if (known.size > MAX_MODELS)
      throw new Refusal(
        'policy_refused',
        `this call needs a review and cannot have one: it has more than ${MAX_MODELS} models, with those that they were copied from`,
        { remedy: 'change fewer at a time, or register a model from its files' },
      )
  }
  return { lineage, authors: [...authors] }
}

interface Origin extends Origins {
  /** Models that it is a copy of. */
  readonly sources: readonly string[]
}

async function originOf(id: string, options: LineageOptions): Promise<Origin> {
  const [, registry, rest] = /^azureml:\/\/registries\/([^/]+)(\/.*)$/u.exec(id) ?? []
  const home = registry === undefined ? null : await options.registryAt(registry)
  const at = registry === undefined ? id : home === null ? null : `${home}${rest}`
  const document = at === null ? null : await options.documentAt(at)
  const properties = fieldsOf(fieldsOf(document).get('properties'))
  const author = textIn(fieldsOf(properties.get('tags')), [STAMP])
  const scope = /^(.*\/workspaces\/[^/]+)\//u.exec(id)?.[1] ?? null
  const uris = urisIn(properties)
  const named = textIn(properties, ['jobName'])
  const jobs = new Set(
    [
      ...(named === null ? [] : [jobAt(named, scope)]),
      ...uris.map((uri) => jobIn(uri, scope)),
    ].filter((one) => one !== null),
  )
  const made = await Promise.all([...jobs].map(async (job) => madeBy(job, options)))
  const rows = made.length === 0 ? [NO_JOB] : made
  return {
    lineage: rows.map(({ authors, ...row }) => ({
      model: id,
      author,
      jobAuthor: authors[0] ?? null,
      ...row,
    })),
    authors: [author ?? [], ...made.flatMap(({ authors }) => authors)].flat(),
    sources: uris.flatMap((uri) => sourceIn(uri, scope) ?? []),
  }
}

const NO_JOB = { job: null, commit: null, inputs: [], environment: null, code: null, authors: [] }

/** Where a version says that it comes from. */
function urisIn(properties: ReadonlyMap<string, unknown>): readonly string[] {
  const own = [...fieldsOf(properties.get('properties')).values()]
  return [properties.get('modelUri'), ...own].flatMap((value) =>
    typeof value === 'string' && value.length <= MAX_URI && IS_URI.test(value) ? [value] : [],
  )
}

function jobAt(job: string, scope: string | null): string | null {
  return scope === null || !isRunId(job) ? null : `${scope}/jobs/${job}`
}

function jobIn(uri: string, own: string | null): string | null {
  const [, job] = JOB_IN_URI.exec(uri) ?? []
  if (job === undefined) return null
  const [, group, workspace] = WORKSPACE_IN_URI.exec(uri) ?? []
  const scope =
    group === undefined
      ? own
      : `/${group}/providers/microsoft.machinelearningservices/workspaces/${workspace}`.toLowerCase()
  return jobAt(job, scope)
}

/** The version of a model that a version was made of; null if the URI names none. */
function sourceIn(uri: string, scope: string | null): string | null {
  const [, name, version] = /^models:\/+([^/]+)\/([^/]+)$/iu.exec(uri) ?? []
  if (name !== undefined)
    return scope === null ? null : `${scope}/models/${name}/versions/${version}`
  const reference = parseReference(uri, scope)
  return idOf(reference, scope)
}

/** What is known of a job; a step of a pipeline is its pipeline's, which run history tells. */
async function madeBy(id: string, { documentAt, tagsOfRun, scope }: LineageOptions) {
  const job = id.slice(id.lastIndexOf('/') + 1)
  const made = fieldsOf(fieldsOf(await documentAt(id)).get('properties'))
  const author = textIn(fieldsOf(made.get('tags')), [STAMP])
  const isOwn = id.toLowerCase() === `${scope}/jobs/${job}`.toLowerCase()
  const told = isOwn && isRunId(job) && author === null ? await tagsOfRun(job) : null
  const prefix = `${STAMP}=`
  const authors = (told ?? []).flatMap((tag) =>
    tag.startsWith(prefix) ? [tag.slice(prefix.length)] : [],
  )
  const inputs = [...fieldsOf(made.get('inputs'))].flatMap(([name, input]) => {
    const uri = textIn(fieldsOf(input), ['uri', 'value'])
    return uri === null ? [] : [shown(`${name}: ${uri}`)]
  })
  return {
    job,
    commit: textIn(fieldsOf(made.get('properties')), COMMITS),
    inputs: inputs.slice(0, MAX_INPUTS),
    environment: shownIn(made, 'environmentId'),
    code: shownIn(made, 'codeId'),
    authors: author === null ? authors : [author],
  }
}

function shownIn(fields: ReadonlyMap<string, unknown>, name: string): string | null {
  const text = textIn(fields, [name])
  return text === null ? null : shown(text)
}

function shown(text: string): string {
  return withoutSecrets(text).slice(0, MAX_TEXT).toWellFormed()
}

function textIn(fields: ReadonlyMap<string, unknown>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = fields.get(name)
    if (typeof value === 'string' && value !== '' && value.length <= 512) return value
  }
  return null
}
