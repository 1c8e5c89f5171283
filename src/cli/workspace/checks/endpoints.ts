/**
 * Endpoints that can be called without the gateway: with keys, or from the internet.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { inside, inWorkspace, is, text, type Subject } from './subject.ts'

const { ok, failed } = findingsOf('endpoints')

const COLLECTIONS = ['onlineEndpoints', 'batchEndpoints', 'serverlessEndpoints'] as const

export async function checkEndpoints({ id, azure }: Subject): Promise<Finding[]> {
  const found: Finding[] = []
  let count = 0
  for (const collection of COLLECTIONS) {
    for (const one of await azure.list(inWorkspace(id, collection))) {
      count += 1
      const where = `${collection}/${text(one, 'name')}`
      const properties = inside(one, 'properties')
      // Azure has the two spellings aadToken and AAD
      const mode = text(properties, 'authMode')
      if (!['aadtoken', 'aad'].includes(mode.toLowerCase()))
        found.push(
          failed(
            where,
            `is called with ${mode === '' ? 'what Azure does not say' : mode}: whoever has its key or token needs no gateway`,
            'make it anew with authMode AADToken',
          ),
        )
      const isPublic = !is(properties, 'publicNetworkAccess', 'Disabled')
      if (collection === 'onlineEndpoints' && isPublic)
        found.push(
          failed(
            where,
            'answers from anywhere',
            'set its publicNetworkAccess to Disabled; clients then reach it by the workspace’s private endpoint',
          ),
        )
    }
  }
  if (found.length > 0) return found
  const all = count === 0 ? 'there are none' : `none of ${count} has keys or is public`
  return [ok(id, all)]
}
