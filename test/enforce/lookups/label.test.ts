/** What a label means is asked of Azure where the asset is, if its caller may read it there, and on hosts that are served. */
import t, { type Test } from 'tap'
import { createHosts } from '../../../src/azureml/hosts/hosts.ts'
import { parseReference, type AssetKind } from '../../../src/azureml/body/reference.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { createLookUps } from '../../../src/enforce/lookups/label.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { Grant } from '../../../src/token/grant.ts'
import { loadShipped, operation, principal, RG, SUB, WS } from '../../policy/support.ts'
import { exchangeWith } from '../../support/exchange.ts'

const PROVIDER = `${RG}/providers/microsoft.machinelearningservices`
const OTHER = `${PROVIDER}/workspaces/ws-other`
const CLOSED = `${PROVIDER}/workspaces/ws-closed`
const MICROSOFT = SUB.replaceAll('0', '9')
const SYSTEM = `${MICROSOFT}/resourcegroups/registries/providers/microsoft.machinelearningservices/registries/azureml`
const GROUP = 'Group::"entra/t/scientists"'
const BINDINGS = `
identities: [ml-reader, ml-writer]
bindings:
  - { id: own, template: data-scientist, principal: '${GROUP}', resource: 'Workspace::"${WS}"' }
  - { id: other, template: reader, principal: '${GROUP}', resource: 'Workspace::"${OTHER}"' }
  - { id: system, template: public-registry, principal: '${GROUP}', resource: 'Registry::"${SYSTEM}"' }
`
const WRITERS = `  - { id: writers, template: data-scientist, principal: 'Group::"entra/t/writers"', resource: 'Workspace::"${WS}"' }
`
const PLACE = {
  registryName: 'azureml',
  primaryRegion: 'eastus2',
  primaryRegionResourceProviderUri: 'https://cert-eastus2.experiments.azureml.net/',
  resourceGroup: 'registries',
  subscriptionId: MICROSOFT.split('/')[2],
}
const DISCOVERY =
  'https://eastus.api.azureml.ms/registrymanagement/v1.0/registries/azureml/discovery'
const NEWEST = '&$orderBy=createdtime%20desc&$top=1'
const scientist = principal({ id: 'entra/t/one', groups: ['entra/t/scientists'] })

interface Azure {
  readonly discovery?: unknown
  readonly versions?: unknown
  readonly scope?: string | null
  readonly kind?: AssetKind
}

/** A gateway's lookups, with an Azure that answers as told and says what it was asked. */
async function world(t: Test, { discovery = PLACE, versions, scope = WS }: Azure = {}) {
  const set = await loadShipped(t, BINDINGS + WRITERS)
  const decide = createDecide(set)
  const asked: string[] = []
  const scopes = new Set<string>()
  const lookUps = createLookUps({
    decide,
    callFacts: () => ({}),
    hosts: createHosts({ name: 'AzureCloud' }, 'https://gw.example.com'),
    ask: async (grant, _decision, origin, path) => {
      t.equal(grant.identity.name, 'ml-writer', 'under the identity of the call')
      asked.push(`${origin}${path}`)
      return path.includes('/discovery') ? discovery : (versions ?? { value: [{ name: '7' }] })
    },
  })
  const versionOf = async (
    text: string,
    kind: AssetKind = 'environments',
    caller: Principal = scientist,
  ): Promise<string> => {
    const { permit } = decide(caller, operation('workspaces/jobs/write'), {})
    if (permit === null) throw new Error('scientists write jobs')
    const asset = parseReference(text, scope)
    if (asset?.type !== 'asset' || asset.label === null) throw new Error(`no label in ${text}`)
    const lookUp = lookUps({
      exchange: exchangeWith({ principal: caller }),
      permit,
      scope,
      grantFor: async (audience) => {
        scopes.add(audience)
        return new Grant(
          permit,
          { name: 'ml-writer', clientId: null, objectId: null },
          'Bearer token',
        )
      },
    })
    return lookUp({ asset, kind: asset.kind ?? kind, label: asset.label })
  }
  return { asked, scopes, versionOf }
}

t.test('in the workspace of the call, ARM is asked for the newest version', async (t) => {
  const { asked, scopes, versionOf } = await world(t)
  t.equal(await versionOf('azureml:e@latest'), '7')
  t.same(asked, [
    `https://management.azure.com${WS}/environments/e/versions?api-version=2024-04-01${NEWEST}`,
  ])
  t.same([...scopes], ['https://management.azure.com/.default'])
})

t.test('a registry is found by discovery, and asked in its own region', async (t) => {
  const { asked, scopes, versionOf } = await world(t)
  t.equal(
    await versionOf('azureml://registries/AzureML/environments/sklearn-1.5/labels/latest'),
    '7',
  )
  t.same(asked, [
    DISCOVERY,
    `https://eastus2.api.azureml.ms/mferp/managementfrontend${SYSTEM}/environments/sklearn-1.5/versions?api-version=2021-10-01-dataplanepreview${NEWEST}`,
  ])
  t.same([...scopes], ['https://management.azure.com/.default'])
  t.equal(await versionOf(`${SYSTEM}/models/m/labels/latest`), '7', 'by its ARM id, too')
  t.match(asked.slice(2), [/\/models\/m\/versions\?/], 'discovery is remembered')
})

t.test('another workspace is asked if the caller may read it', async (t) => {
  const { asked, versionOf } = await world(t)
  t.equal(await versionOf(`azureml:${OTHER}/components/c/labels/latest`), '7')
  t.match(asked, [`https://management.azure.com${OTHER}/components/c/versions?`])
})

t.test(
  '"default" is a label of components: the version that stands behind azureml_default',
  async (t) => {
    for (const versions of [
      { name: '12', properties: { componentSpec: { version: '12' } } },
      { name: 'azureml_default', properties: { componentSpec: { version: '12' } } },
    ]) {
      const { asked, versionOf } = await world(t, { versions })
      t.equal(await versionOf('azureml:c@default', 'components'), '12')
      t.equal(await versionOf('azureml://registries/azureml/components/c/labels/Default'), '12')
      t.same(asked, [
        `https://management.azure.com${WS}/components/c/versions/azureml_default?api-version=2024-04-01`,
        DISCOVERY,
        `https://eastus2.api.azureml.ms/mferp/managementfrontend${SYSTEM}/components/c/versions/azureml_default?api-version=2021-10-01-dataplanepreview`,
      ])
    }
  },
)

t.test('in a body of a registry, what names no registry is of that one', async (t) => {
  const { asked, versionOf } = await world(t, { scope: SYSTEM })
  t.equal(await versionOf('azureml:e@latest'), '7')
  t.match(asked, [DISCOVERY, /eastus2.*registries\/azureml\/environments\/e\/versions/])
})

t.test('one asset is asked for once, and by each identity and caller for itself', async (t) => {
  const { asked, versionOf } = await world(t)
  await versionOf('azureml:e@latest')
  await versionOf('azureml:e@latest')
  t.equal(asked.length, 1)
  await versionOf(
    'azureml:e@latest',
    'environments',
    principal({ ...scientist, id: 'entra/t/two' }),
  )
  t.equal(asked.length, 2)
})

t.test('what is remembered is not told to a caller who may not read it', async (t) => {
  const { asked, versionOf } = await world(t)
  const text = `${OTHER}/environments/e/labels/latest`
  await versionOf(text)
  // the same caller, after he was moved to another group
  const moved = principal({ ...scientist, groups: ['entra/t/writers'] })
  await t.rejects(versionOf(text, 'environments', moved), {
    code: 'policy_refused',
    message: /not permit you to read it in workspace "ws-other"/,
  })
  t.equal(asked.length, 1)
})

t.test('where policy permits no reading, nothing of the asset is asked', async (t) => {
  const { asked, versionOf } = await world(t)
  await t.rejects(versionOf(`${CLOSED}/environments/e/labels/latest`), {
    code: 'policy_refused',
    message: /"e" cannot be pinned: policy does not permit you to read it in workspace "ws-closed"/,
    detail: { policies: [] },
  })
  t.same(asked, [])
  const elsewhere = await world(t, {
    discovery: { ...PLACE, subscriptionId: '88888888-8888-8888-8888-888888888888' },
  })
  await t.rejects(elsewhere.versionOf('azureml://registries/azureml/models/m/labels/latest'), {
    code: 'policy_refused',
    message: /not permit you to read it in registry "azureml"/,
  })
  t.same(elsewhere.asked, [DISCOVERY], 'only where the registry is')
})

t.test('what cannot be known is refused, with the reason', async (t) => {
  const cases: readonly [string, Azure, RegExp][] = [
    ['azureml:e@latest', { versions: { value: [] } }, /no version/],
    ['azureml:e@latest', { versions: { value: [{ name: '../../secret' }] } }, /no version/],
    ['azureml:e@latest', { versions: { value: [{ name: 7 }] } }, /no version/],
    ['azureml:e@latest', { versions: { value: [{ name: 'azureml_default' }] } }, /no version/],
    ['azureml:e@latest', { versions: 'text' }, /no version/],
    ['azureml:e@latest', { versions: [] }, /no version/],
    ['azureml:e@latest', { scope: null }, /in no workspace/],
    ['azureml:e@prod', {}, /azure has no label "prod" for environments/],
    ['azureml:e@default', {}, /azure has no label "default" for environments/],
    ['azureml:a%2fb@latest', {}, /not one that Azure gives/],
    ['azureml:..@latest', {}, /not one that Azure gives/],
    ['azureml:e.@latest', {}, /not one that Azure gives/],
    ['azureml://registries/azureml/models/m/labels/latest', { discovery: null }, /no registry "azureml"/],
    ['azureml://registries/a%2fb/models/m/labels/latest', {}, /name that none can have/],
    ['azureml://registries/../models/m/labels/latest', {}, /name that none can have/],
    [`${SYSTEM.replace('registries/prov', 'x/prov')}/models/m/labels/latest`, {}, /not where the reference says/],
    ['azureml://locations/eastus/workspaces/4f/models/m/labels/latest', {}, /not named by an id/],
    ['/subscriptions/x/resourceGroups/y/workspaces/z/models/m/labels/latest', {}, /not named by an id/],
  ] // prettier-ignore
  for (const [text, azure, message] of cases) {
    const { versionOf } = await world(t, azure)
    await t.rejects(versionOf(text), { code: 'policy_refused', message }, text)
  }
})

t.test('a discovery that cannot be believed is a fault of upstream', async (t) => {
  const text = 'azureml://registries/azureml/models/m/labels/latest'
  const at = (primaryRegionResourceProviderUri: string) => ({
    discovery: { ...PLACE, primaryRegionResourceProviderUri },
  })
  for (const uri of [
    'https://evil.example/',
    'https://eastus.api.azureml.ms.evil.example/',
    'https://user@eastus.api.azureml.ms/',
    'http://eastus.api.azureml.ms/',
    'https://management.azure.com/',
    'https://x.eastus.inference.ml.azure.com/',
    'azureml://eastus.api.azureml.ms/',
  ]) {
    const { asked, versionOf } = await world(t, at(uri))
    await t.rejects(versionOf(text), { code: 'upstream_foreign_url' }, uri)
    t.same(asked, [DISCOVERY])
  }
  for (const discovery of [
    'text',
    [],
    {},
    { ...PLACE, subscriptionId: '../..' },
    { ...PLACE, resourceGroup: 'a/b' },
    { ...PLACE, registryName: 'another' },
    at('https://eastus.api.azureml.ms/behind/').discovery,
    at('').discovery,
  ]) {
    const { versionOf } = await world(t, { discovery })
    await t.rejects(versionOf(text), { code: 'upstream_bad_answer' }, JSON.stringify(discovery))
  }
})
