/** `workspace check`: a sound workspace is found sound, and each thing that is wrong or unknown is said in its place. */
import t from 'tap'
import { REGION } from '../../../lab/personas.ts'
import { run } from '../support/run.ts'
import { check as checkOf, merged, type Seen } from './support/checking.ts'
import {
  ASSIGNMENT,
  ASSIGNMENT_DOCUMENT,
  CLUSTER_DOCUMENT,
  DENY_DOCUMENT,
  GROUP,
  SOUND,
  startSound,
  STORAGE,
  STORAGE_DOCUMENT,
  WORKSPACE_DOCUMENT,
  type Document,
  type SoundWorld,
} from './support/sound.ts'

t.setTimeout(120_000)

let world: SoundWorld
t.before(async () => {
  world = await startSound()
})
t.teardown(() => world.close())
t.afterEach(() => {
  for (const part of world.lab.parts.values()) part.faults.clear()
})

const ORDER = [
  'workspace',
  'roles',
  'bypass',
  'public-network',
  'private-endpoint',
  'dns',
  'managed-network',
  'v1-legacy-mode',
  'storage',
  'datastores',
  'local-authentication',
  'ssh',
  'idle-shutdown',
  'endpoints',
  'diagnostics',
  'azure-policy',
  'deny-assignments',
  'compute-identities',
  'bindings',
  'clients',
]

const check = (): Promise<Seen> => checkOf(world.gateway.configFile)

const workspace = (properties: Document, top?: Document): readonly [string, Document] => [
  SOUND,
  merged(WORKSPACE_DOCUMENT, properties, top),
]
const cluster = (properties: Document, own: Document = {}): readonly [string, Document] => {
  const { properties: inner } = CLUSTER_DOCUMENT.properties
  return [
    `${SOUND}/computes/cluster`,
    merged(CLUSTER_DOCUMENT, { ...properties, properties: { ...inner, ...own } }),
  ]
}
const storage = (properties: Document): readonly [string, Document] => [
  STORAGE,
  merged(STORAGE_DOCUMENT, properties),
]
const instance = (own: Document): readonly [string, Document] => [
  `${SOUND}/computes/instance`,
  {
    location: REGION,
    properties: { computeType: 'ComputeInstance', disableLocalAuth: true, properties: own },
  },
]
const endpoint = (properties: Document): readonly [string, Document] => [
  `${SOUND}/onlineEndpoints/sound-online`,
  {
    location: REGION,
    properties: { authMode: 'AADToken', publicNetworkAccess: 'Disabled', ...properties },
  },
]
const datastore = (credentialsType: string): readonly [string, Document] => [
  // of the last page
  `${SOUND}/datastores/most`,
  { properties: { credentials: { credentialsType } } },
]
const connection = (status: string): readonly [string, Document] => [
  `${SOUND}/privateEndpointConnections/gateway`,
  { properties: { privateLinkServiceConnectionState: { status } } },
]
const assignment = (properties: Document): readonly [string, Document] => [
  ASSIGNMENT,
  merged(ASSIGNMENT_DOCUMENT, properties),
]
const stack = (properties: Document): readonly [string, Document] => [
  `${SOUND}/providers/Microsoft.Authorization/denyAssignments/stack`,
  merged(DENY_DOCUMENT, properties),
]
const diagnostics = (properties: Document): readonly [string, Document] => [
  `${SOUND}/providers/Microsoft.Insights/diagnosticSettings/all`,
  { properties },
]

const OTHER_IDENTITY = {
  type: 'UserAssigned',
  userAssignedIdentities: { jobs: { principalId: '44444444-4444-4444-8444-444444444416' } },
}

/** What is put wrong at Azure; what is then found, and nothing else; and what is said. */
const FAULTS: readonly (readonly [
  fault: readonly [string, Document],
  found: readonly string[],
  said: RegExp,
])[] = [
  [workspace({}, { kind: 'Hub' }), ['workspace warning'], /kind Hub/],
  [workspace({ publicNetworkAccess: 'Enabled' }), ['public-network failed'], /access is Enabled/],
  [connection('Pending'), ['private-endpoint failed'], /is Pending -> approve it/],
  [connection('Disconnected'), ['private-endpoint failed'], /is Disconnected/],
  [
    workspace({ managedNetwork: { isolationMode: 'AllowInternetOutbound' } }),
    ['managed-network warning'],
    /whole internet/,
  ],
  [
    workspace({ managedNetwork: { isolationMode: 'Disabled' } }),
    ['managed-network failed'],
    /no network holds instance ->/,
  ],
  [workspace({ v1LegacyMode: true }), ['v1-legacy-mode failed'], /refuses most calls/],
  [storage({ allowSharedKeyAccess: true }), ['storage failed'], /--allow-shared-key-access false/],
  [storage({ allowSharedKeyAccess: null }), ['storage failed'], /read with its keys/],
  [storage({ allowBlobPublicAccess: true }), ['storage failed'], /public containers/],
  [storage({ publicNetworkAccess: 'Enabled' }), ['storage failed'], /from anywhere/],
  [
    storage({ publicNetworkAccess: 'Enabled', networkAcls: { defaultAction: 'Deny' } }),
    ['storage warning'],
    /networks of its rules/,
  ],
  [workspace({ storageAccount: `${STORAGE}x` }), ['storage failed'], /soundstoragex: is not there/],
  [workspace({ storageAccount: '' }), ['storage unverified'], /does not name/],
  [workspace({ systemDatastoresAuthMode: 'accessKey' }), ['datastores failed'], /its own datast/],
  [workspace({ systemDatastoresAuthMode: null }), ['datastores failed'], /its own datastores/],
  [
    workspace({ systemDatastoresAuthMode: 'userDelegationSas' }),
    ['datastores warning'],
    /SAS for a time/,
  ],
  [datastore('AccountKey'), ['datastores failed'], /datastores\/most: .*AccountKey/],
  [datastore('Sas'), ['datastores failed'], /kind Sas/],
  [datastore('ServicePrincipal'), ['datastores warning'], /kind ServicePrincipal/],
  [cluster({ disableLocalAuth: false }), ['local-authentication failed'], /computes\/cluster: loc/],
  [cluster({}, { remoteLoginPortPublicAccess: 'Enabled' }), ['ssh failed'], /open to the internet/],
  [
    cluster({}, { remoteLoginPortPublicAccess: 'NotSpecified', subnet: null }),
    ['ssh failed'],
    /computes\/cluster: its SSH port/,
  ],
  [
    instance({ sshSettings: { sshPublicAccess: 'Enabled' }, idleTimeBeforeShutdown: 'PT60M' }),
    ['ssh failed'],
    /computes\/instance/,
  ],
  [instance({}), ['idle-shutdown warning'], /computes\/instance: does not stop/],
  [endpoint({ authMode: 'Key' }), ['endpoints failed'], /sound-online: is called with Key/],
  [endpoint({ authMode: 'AMLToken' }), ['endpoints failed'], /called with AMLToken/],
  [endpoint({ publicNetworkAccess: 'Enabled' }), ['endpoints failed'], /answers from anywhere/],
  [diagnostics({ storageAccountId: STORAGE }), ['diagnostics failed'], /logged nowhere/],
  [
    diagnostics({ workspaceId: 'logs', logs: [{ enabled: false }] }),
    ['diagnostics failed'],
    /logged nowhere/,
  ],
  [assignment({ enforcementMode: 'DoNotEnforce' }), ['azure-policy failed'], /8 of 8 are not/],
  [assignment({ notScopes: [GROUP] }), ['azure-policy failed'], /8 of 8 are not in force/],
  [
    assignment({ parameters: { denyEffect: { value: 'Audit' } } }),
    ['azure-policy warning'],
    /3 of 8 .*: managed network, idle shutdown, endpoints without keys ->/,
  ],
  [
    stack({ excludePrincipals: [] }),
    ['deny-assignments failed'],
    /denies writes to the gateway’s own ml-reader, ml-writer -> exclude/,
  ],
  [
    stack({
      permissions: [{ actions: ['*/write'], notActions: ['Microsoft.MachineLearningServices/*'] }],
    }),
    ['deny-assignments warning'],
    /nothing denies writes/,
  ],
  [
    [`${SOUND}/computes/cluster`, merged(CLUSTER_DOCUMENT, {}, { identity: OTHER_IDENTITY })],
    ['compute-identities warning'],
    /bind the template "compute" for Compute::/,
  ],
]

t.test('a workspace that only the gateway reaches is sound, each check in its order', async (t) => {
  const seen = await check()
  t.same(seen.ill, [], seen.text)
  t.equal(seen.status, 0)
  t.same(seen.checks, ORDER)
  t.same(seen.bypass, [])
  const text = await run(['workspace', 'check', SOUND, '--config', world.gateway.configFile])
  t.match(text.out, /^ok {10}workspace +ws-sound: is there, in eastus\n/)
  t.match(text.out, /\n0 failed, 0 warnings, 0 unknown\n$/)
})

t.test('each fault is found alone, and nothing else with it', async (t) => {
  for (const [[id, document], found, said] of FAULTS) {
    await world.put(id, document)
    const seen = await check()
    t.same(seen.ill, found, `${said}: ${seen.text}`)
    t.match(seen.text, said)
    t.same(seen.checks, ORDER)
    t.equal(seen.status, found.every((one) => one.endsWith('warning')) ? 0 : 1, String(said))
    await world.put(id, world.documents.get(id) ?? {})
  }
  t.same((await check()).ill, [], 'all is mended')
})

t.test('what is gone is a gap, too, and many gaps come in the order to mend', async (t) => {
  const gone = [...world.documents.keys()].filter((id) =>
    /privateEndpointConnections|diagnosticSettings|policyAssignments|denyAssignments/.test(id),
  )
  for (const id of gone) await world.remove(id)
  await world.put(...endpoint({ authMode: 'Key' }))
  const seen = await check()
  t.same(seen.ill, [
    'private-endpoint failed',
    'endpoints failed',
    'diagnostics failed',
    'azure-policy failed',
    'deny-assignments warning',
  ])
  t.match(seen.text, /no private endpoint -> .*workspace onboard/)
  for (const [id, document] of world.documents) await world.put(id, document)
})

t.test('a policy assigned alone counts by its own effect', async (t) => {
  const definition =
    '/providers/Microsoft.Authorization/policyDefinitions/6ddb1705-c8cf-450e-aa4b-19ad6703c440'
  const own = `${SOUND}/providers/Microsoft.Authorization/policyAssignments/network`
  t.teardown(() => world.remove(own))
  await world.put(...assignment({ parameters: { denyEffect: { value: 'Audit' } } }))
  const define = (defaultValue: string): Promise<void> =>
    world.put(definition, {
      properties: {
        parameters: { effect: { type: 'String', defaultValue } },
        policyRule: JSON.parse(`{"then": {"effect": "[parameters('effect')]"}}`),
      },
    })
  await world.put(own, { properties: { policyDefinitionId: definition } })
  await define('Audit')
  t.match((await check()).text, '3 of 8 are not in force: managed network')
  const path = `/policyDefinitions/${definition.split('/').at(-1)}`
  const arm = world.lab.parts.get('arm')
  arm?.faults.add({ times: 0, match: { path }, status: 403, body: {} })
  t.match(await check(), {
    ill: ['azure-policy unverified'],
    text: /Microsoft\.Authorization\/policyDefinitions\/read/,
  })
  arm?.faults.clear()
  await define('Deny')
  t.match((await check()).text, '2 of 8 are not in force: idle shutdown')
  await define('Audit')
  const parameters = { effect: { value: 'Deny' } }
  await world.put(own, { properties: { policyDefinitionId: definition, parameters } })
  t.match((await check()).text, '2 of 8 are not in force')
  for (const [id, document] of world.documents) await world.put(id, document)
})
