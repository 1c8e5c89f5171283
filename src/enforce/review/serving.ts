/**
 * The version of a model that serves now, where a change would put another one in its place: behind a deployment, behind
 * the traffic of an endpoint, in a stage or under an alias.
 * @module
 */
import { memberOf, parseJson, type JsonNode } from '../../lib/json/document.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import { readsOf, type NamedThing } from '../mlflow-names.ts'
import { modelsIn, type DocumentAt } from './lineage.ts'

/** A change, and how Azure is asked about what is there now. */
export interface Replacing {
  /** ARM id of what the change is about. */
  readonly id: string
  readonly scope: string | null
  readonly path: string
  readonly body: JsonNode | null
  readonly present: JsonNode | null
  /** What the change names by MLflow's API; null for any other. */
  readonly thing: NamedThing | null
  readonly documentAt: DocumentAt
  /** By its path and query. */
  readonly get: (pathAndQuery: string) => Promise<unknown>
}

const ENDPOINT = /^(.*\/(?:online|batch)endpoints\/[^/]+)(\/deployments\/[^/]+)?$/u

/** Null if nothing serves; undefined for a change that puts nothing in its place. */
export async function servingNow(change: Replacing): Promise<string | null | undefined> {
  const { id, present, scope, documentAt, thing } = change
  const [, endpoint, deployment] = ENDPOINT.exec(id) ?? []
  if (endpoint !== undefined) {
    const [replaced] = deployment === undefined ? [] : modelsIn(present, scope)
    if (replaced !== undefined) return replaced
    const document = deployment === undefined ? present : nodeOf(await documentAt(endpoint))
    const name = mainDeployment(document)
    if (name === null) return null
    const [model] = modelsIn(nodeOf(await documentAt(`${endpoint}/deployments/${name}`)), scope)
    return model ?? null
  }
  if (thing?.model != null) return byMlflow(change, thing.model)
  const [, versions, version] = /^(.*\/models\/[^/]+\/versions)\/([^/]+)$/u.exec(id) ?? []
  const stage = textAt(change.body, ['properties', 'stage'])
  if (versions === undefined || stage === null) return undefined
  const listed = fieldsOf(await documentAt(versions)).get('value')
  for (const one of Array.isArray(listed) ? listed : []) {
    const fields = fieldsOf(one)
    const name = fields.get('name')
    const its = fieldsOf(fields.get('properties')).get('stage')
    if (its === stage && typeof name === 'string' && name !== version) return `${versions}/${name}`
  }
  return null
}

/** The version that has the stage or the alias which the change gives to another. */
async function byMlflow(
  { path, body, scope, thing, get }: Replacing,
  model: string,
): Promise<string | null | undefined> {
  const stage = textAt(body, ['stage'])
  const alias = textAt(body, ['alias'])
  const [question] = thing === null ? [] : readsOf(path, { ...thing, version: null })
  if ((stage === null && alias === null) || question === undefined || scope === null)
    return undefined
  const found = fieldsOf(fieldsOf(await get(question)).get('registered_model'))
  const [member, name, wanted] =
    stage === null ? ['aliases', 'alias', alias] : ['latest_versions', 'current_stage', stage]
  const all = found.get(member)
  for (const one of Array.isArray(all) ? all : []) {
    const fields = fieldsOf(one)
    const version = fields.get('version')
    if (fields.get(name) === wanted && typeof version === 'string' && version !== thing?.version)
      return `${scope}/models/${model}/versions/${version}`
  }
  return null
}

/** The deployment with most of the traffic, or the default one of a batch endpoint. */
function mainDeployment(endpoint: JsonNode | null): string | null {
  const properties = memberOf(endpoint, 'properties')
  const chosen = textAt(properties, ['defaults', 'deploymentName'])
  const traffic = memberOf(properties, 'traffic')
  const shares = traffic?.kind === 'object' ? traffic.members : []
  const most = shares
    .map(({ key, value }) => ({ key, share: value.kind === 'number' ? Number(value.text) : 0 }))
    .filter(({ share }) => share > 0)
    .toSorted((one, other) => other.share - one.share)[0]
  const name = chosen ?? most?.key ?? null
  return name !== null && /^[\w-]{1,64}$/u.test(name) ? name : null
}

function textAt(node: JsonNode | null, path: readonly string[]): string | null {
  let found = node
  for (const name of path) found = memberOf(found, name)
  return found?.kind === 'string' ? found.value : null
}

function nodeOf(document: unknown): JsonNode | null {
  return document === null ? null : parseJson(Buffer.from(JSON.stringify(document)))
}
