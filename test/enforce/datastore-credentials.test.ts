/** Datastores are shown without credentials to whoever may not read their keys, and are not written back so. */
import t from 'tap'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { workspaceId } from '../../lab/personas.ts'
import { SHIPPED } from '../policy/support.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import type { Answer } from '../support/send.ts'

const W = workspaceId()
const API = '?api-version=2024-04-01'
/** Readers may have keys here, and write datastores. */
const KEEPERS = `
@id("keepers") @reason("keepers of the datastores") @identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action, resource is Datastore);
`
const KINDS: Readonly<Record<string, object>> = {
  account: { credentialsType: 'AccountKey', secrets: { secretsType: 'AccountKey', key: 'k' } },
  sas: { credentialsType: 'Sas', secrets: { secretsType: 'Sas', sasToken: 's' } },
  principal: {
    credentialsType: 'ServicePrincipal',
    tenantId: '11111111-1111-4111-8111-111111111111',
    clientId: '22222222-2222-4222-8222-222222222222',
    secrets: { secretsType: 'ServicePrincipal', clientSecret: 'c' },
  },
  certificate: { credentialsType: 'Certificate', thumbprint: 'AB', secrets: {} },
  none: { credentialsType: 'None' },
}
const KEYED = Object.keys(KINDS).filter((name) => name !== 'none')
const NONE = { credentialsType: 'None' }

interface Datastore {
  readonly name: string
  readonly properties: { readonly credentials: { readonly credentialsType: string } }
}

let world: World
let policies: OwnPolicies
t.before(async () => {
  const secrets = await readFile(join(SHIPPED, 'secrets.cedar'), 'utf8')
  policies = await ownPolicies({
    'secrets.cedar': secrets.replace(
      'unless\n{',
      'unless\n{\n  principal in Group::"okta/ml-readers" ||',
    ),
    'keepers.cedar': KEEPERS,
  })
  world = await startGateway({ lab: { pageSize: 100 }, gateway: { change: policies.change } })
  for (const [name, credentials] of Object.entries(KINDS)) {
    const answer = await put('reader', name, credentials)
    t.ok(answer.status < 300, answer.text)
  }
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(persona: string, method: string, path: string, body?: object): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${await world.lab.token(persona)}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  return world.send(path, { method, headers, ...sent })
}

const at = (name: string): string => `${W}/datastores/${name}${API}`

async function get(persona: string, name: string): Promise<Datastore> {
  return (await call(persona, 'GET', at(name))).json() as Datastore
}

function put(persona: string, name: string, credentials: object, more = {}): Promise<Answer> {
  const properties = {
    datastoreType: 'AzureBlob',
    accountName: 'labstorage',
    containerName: name,
    credentials,
    ...more,
  }
  return call(persona, 'PUT', at(name), { properties })
}

t.test('who may not read keys is shown none, and all else as it is', async (t) => {
  for (const name of Object.keys(KINDS)) {
    const real = await get('reader', name)
    const shown = await get('scientist', name)
    t.same(shown, { ...real, properties: { ...real.properties, credentials: NONE } }, name)
  }
})

t.test('who may read them sees what kind there is', async (t) => {
  for (const name of Object.keys(KINDS))
    t.match((await get('reader', name)).properties.credentials, {
      credentialsType: (KINDS[name] as { credentialsType: string }).credentialsType,
    })
})

t.test('the same in a list, and past Resource Manager', async (t) => {
  for (const path of [`${W}/datastores${API}`, `/mferp/managementfrontend${W}/datastores${API}`]) {
    const answer = await call('scientist', 'GET', path)
    t.equal(answer.status, 200, answer.text)
    const { value } = answer.json() as { value: readonly Datastore[] }
    t.same(
      value.map(({ name }) => name).sort(),
      [...Object.keys(KINDS), 'workspaceartifactstore', 'workspaceblobstore'].sort(),
    )
    t.same(
      [...new Set(value.map(({ properties }) => JSON.stringify(properties.credentials)))],
      [JSON.stringify(NONE)],
    )
  }
})

t.test('what was shown without keys does not remove them when it is written back', async (t) => {
  for (const name of KEYED) {
    const { properties } = await get('scientist', name)
    const answer = await put('scientist', name, NONE, { ...properties, description: 'mine' })
    t.equal(answer.status, 403, answer.text)
    t.equal(answer.code, 'policy_refused')
    t.match(answer.text, `keys of datastore \\"${name}\\"`)
    const real = await get('reader', name)
    t.not(real.properties.credentials.credentialsType, 'None')
    t.notMatch(real.properties, { description: 'mine' })
  }
})

t.test('a datastore without keys is written as ever, and so is one with new ones', async (t) => {
  for (const [name, credentials] of [
    ['none', NONE],
    ['new', NONE],
    ['account', KINDS['sas'] ?? {}],
  ] as const) {
    const answer = await put('scientist', name, credentials, { description: 'mine' })
    t.ok(answer.status < 300, answer.text)
    t.match((await get('reader', name)).properties, {
      description: 'mine',
      credentials: { credentialsType: (credentials as typeof NONE).credentialsType },
    })
  }
})

t.test('who may read the keys may remove them', async (t) => {
  const answer = await put('reader', 'sas', NONE)
  t.ok(answer.status < 300, answer.text)
  t.match((await get('reader', 'sas')).properties.credentials, NONE)
})
