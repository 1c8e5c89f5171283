/**
 * Model management as SDK v1 speaks it: an asset of uploaded files, a model made of it, the list of models.
 *
 * Source: `_restclient` of azureml-core, and the 2019-08-01 modelManagement swagger.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Document } from '../arm/store.ts'
import type { Service } from './data-plane.ts'
import { json, type Call } from '../../server/call.ts'

const PATH =
  /^\/modelmanagement\/v1\.0(\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/workspaces\/[^/]+)\/(assets|models)(?:\/([^/]+))?$/i

async function read(call: Call): Promise<Document> {
  const { content } = await call.body()
  return JSON.parse(content?.toString('utf8') ?? '{}') as Document
}

/** A model, and what a JSON Patch that sets whole members makes of it. */
async function changed(call: Call, model: Document | undefined) {
  if (model === undefined) return json(404, { message: 'there is no such model' })
  const { content } = await call.body()
  const text = content?.toString('utf8') ?? ''
  const patch = text === '' ? [] : (JSON.parse(text) as { path: string; value: unknown }[])
  for (const { path, value } of patch) model[path.slice(1)] = value
  return json(200, model)
}

export function createModels(): Service {
  const models = new Map<string, Document[]>()

  function keep(workspace: string, given: Document): Document {
    const all = models.get(workspace) ?? []
    const version = 1 + all.filter(({ name }) => name === given['name']).length
    const model = {
      ...given,
      id: `${String(given['name'])}:${version}`,
      version,
      datasets: [],
      createdTime: new Date().toISOString(),
    }
    models.set(workspace, [...all, model])
    return model
  }

  return async (call) => {
    const [, scope = '', collection = '', id] = PATH.exec(call.path) ?? []
    const workspace = scope.toLowerCase()
    if (workspace === '') return null
    const known = (models.get(workspace) ?? []).find(
      (model) => model['id'] === decodeURIComponent(id ?? ''),
    )
    if (id !== undefined && (call.method === 'GET' || call.method === 'PATCH'))
      return changed(call, known)
    if (call.method === 'GET' && collection === 'models')
      return json(200, { value: models.get(workspace) ?? [] })
    if (call.method !== 'POST') return null
    const given = await read(call)
    return json(
      200,
      collection === 'models' ? keep(workspace, given) : { ...given, id: randomUUID() },
    )
  }
}
