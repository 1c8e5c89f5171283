/**
 * Whether the data of the workspace can be had by keys: its storage account, and its datastores.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { inside, inWorkspace, is, text, type Subject } from './subject.ts'

const account = findingsOf('storage')
const stores = findingsOf('datastores')

export async function checkStorage({ azure, properties }: Subject): Promise<Finding[]> {
  const { ok, warning, failed, unverified } = account
  const id = text(properties, 'storageAccount')
  if (id === '')
    return [unverified('storageAccount', 'Azure does not name its storage account', READ_AGAIN)]
  const read = await azure.get({
    id,
    apiVersion: '2023-05-01',
    permission: 'Microsoft.Storage/storageAccounts/read',
  })
  if (read === null) return [failed(id, 'is not there', 'restore it, or make the workspace anew')]
  const own = inside(read, 'properties')
  const found: Finding[] = []
  // Azure takes what is not said for true
  if (own.get('allowSharedKeyAccess') !== false)
    found.push(
      failed(id, 'can be read with its keys', update(id, '--allow-shared-key-access false')),
    )
  if (own.get('allowBlobPublicAccess') !== false)
    found.push(
      failed(id, 'may have public containers', update(id, '--allow-blob-public-access false')),
    )
  if (!is(own, 'publicNetworkAccess', 'Disabled')) {
    const some = is(inside(own, 'networkAcls'), 'defaultAction', 'Deny')
    const next = update(id, '--public-network-access Disabled')
    found.push(
      some
        ? warning(id, 'is open to the networks of its rules', next)
        : failed(id, 'answers from anywhere', next),
    )
  }
  return found.length > 0 ? found : [ok(id, 'no keys, no public access')]
}

const READ_AGAIN = 'read the workspace in the portal: it cannot be used without one'
const update = (id: string, option: string): string =>
  `az storage account update --ids ${id} ${option}`

/** Credentials with which whoever is told them reads the data, under no name of their own. */
const KEYS = ['accountkey', 'sas']

export async function checkDatastores({ id, azure, properties }: Subject): Promise<Finding[]> {
  const { ok, warning, failed } = stores
  const found: Finding[] = []
  const mode = text(properties, 'systemDatastoresAuthMode').toLowerCase()
  if (mode === 'userdelegationsas')
    found.push(warning(id, 'its own datastores hand out SAS for a time', IDENTITY))
  else if (mode !== 'identity')
    found.push(failed(id, 'its own datastores use the keys of the storage account', IDENTITY))
  for (const one of await azure.list(inWorkspace(id, 'datastores'))) {
    const where = `datastores/${text(one, 'name')}`
    const type = text(inside(one, 'properties', 'credentials'), 'credentialsType')
    const next = 'make it anew without credentials: it is then read with the identity of the caller'
    if (KEYS.includes(type.toLowerCase()))
      found.push(failed(where, `has a credential of the kind ${type}`, next))
    else if (type !== '' && type.toLowerCase() !== 'none')
      found.push(warning(where, `has a credential of the kind ${type}`, next))
  }
  return found.length > 0 ? found : [ok(id, 'no datastore has keys')]
}

const IDENTITY = 'set systemDatastoresAuthMode to identity'
