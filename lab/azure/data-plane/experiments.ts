/**
 * Experiments of run history by their names, as SDK v1 asks for them: looked up, and made if they are not there.
 *
 * Source: `_restclient/operations/experiment_operations.py` of azureml-core.
 * @module
 */
import { armError } from '../arm/answers.ts'
import type { Service } from './data-plane.ts'
import { json } from '../../server/call.ts'

const EXPERIMENT =
  /^\/history\/v1\.0(\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/[^/]+\/workspaces\/[^/]+)\/(experiments|experimentids)\/([^/:]+)$/i

/** Run history names experiments by an id of its own. */
const ID = 'id-of-'
export const experimentId = (name: string): string => `${ID}${name}`
/** The name, of a name or an id. */
export const experimentName = (text: string): string =>
  text.startsWith(ID) ? text.slice(ID.length) : text

export function createExperiments(): Service {
  const known = new Map<string, object>()
  return async (call) => {
    const [, workspace = '', kind = '', given = ''] = EXPERIMENT.exec(call.path) ?? []
    if (workspace === '') return null
    const isRead = call.method === 'GET'
    const name = decodeURIComponent(kind === 'experiments' ? given : experimentName(given))
    const key = `${workspace.toLowerCase()}/${name}`
    if (call.method === 'POST' && kind === 'experiments' && !known.has(key))
      known.set(key, {
        experimentId: experimentId(name),
        name,
        createdUtc: new Date().toISOString(),
        tags: {},
      })
    else if (!isRead) return null
    const found = known.get(key)
    return found === undefined
      ? armError(404, 'UserError', `Experiment ${name} was not found.`)
      : json(200, found)
  }
}
