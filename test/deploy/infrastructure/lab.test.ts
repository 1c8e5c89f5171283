/**
 * The infrastructure is made in the lab's Azure, in the order of what needs what, by both languages; what comes out of it is a
 * configuration that the doctor finds healthy, and values that the Helm chart takes.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { parseAllDocuments, stringify } from 'yaml'
import { writeGatewayConfig, type ConfigFile } from '../../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../../lab/lab.ts'
import {
  IDENTITIES,
  REGION,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  workspaceId,
} from '../../../lab/personas.ts'
import type { Finding } from '../../../src/doctor/finding.ts'
import { command, environment } from '../../clients/support/published.ts'
import { run } from '../../cli/support/run.ts'
import { deployBicep } from './support/bicep.ts'
import { parseBicep, type Parsed } from './support/bicep-tree.ts'
import { BICEP, snake, sorted, TERRAFORM } from './support/both.ts'
import type { Document, Json, Put, Resource } from './support/deployment.ts'
import { deployTerraform } from './support/terraform.ts'

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`
const BINDINGS = resolve('lab/gateway/bindings.yaml')
const DIGEST = `sha256:${'0'.repeat(64)}`
const execute = promisify(execFile)

const python = environment(t, 'bicep')
let lab: Lab

interface Made {
  readonly resource: Resource
  readonly status: number
  readonly document: Document
}

/** Makes resources in the lab; everything is answered 200 or 201. */
async function labAzure(): Promise<{ readonly put: Put; readonly made: Made[] }> {
  const writer = IDENTITIES.find(({ may }) => may === 'write')
  if (writer === undefined) throw new Error('nobody may write')
  const token = await lab.identities.mint(writer, 'https://management.azure.com')
  const made: Made[] = []
  return {
    made,
    async put(resource) {
      const url = `${lab.urls.upstream}${resource.id}?api-version=${resource.apiVersion}`
      const answer = await fetch(url, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(resource.body),
      })
      const text = await answer.text()
      if (answer.status > 201) throw new Error(`${resource.id}: ${answer.status} ${text}`)
      const document = JSON.parse(text) as Document
      made.push({ resource, status: answer.status, document })
      return document
    },
  }
}

/** What the policies of the lab need of Azure. */
async function policyExport(): Promise<Json> {
  const identities = ['ml-reader', 'ml-writer'].flatMap((name) => ['--identity', name])
  const from = ['--policies', resolve('policies'), '--bindings', BINDINGS]
  const { out, err } = await run(['policy', 'export', '--json', ...from, ...identities])
  if (out === '') throw new Error(err)
  return JSON.parse(out) as Json
}

/** Values of what the initiative in deploy/policy has no default for: ids that follow from the names. */
async function policyParameters(): Promise<Document> {
  const initiative = JSON.parse(await readFile('deploy/policy/initiative.json', 'utf8')) as {
    properties: { parameters: Record<string, { defaultValue?: Json }> }
  }
  const network = `${GROUP}/providers/Microsoft.Network`
  const values: Readonly<Record<string, string>> = {
    privateEndpointSubnetId: `${network}/virtualNetworks/harness-network/subnets/endpoints`,
    privateDnsZoneId: `${network}/privateDnsZones/privatelink.api.azureml.ms`,
    secondPrivateDnsZoneId: `${network}/privateDnsZones/privatelink.notebooks.azure.net`,
    logAnalytics: `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/harness-logs`,
  }
  const needed = Object.entries(initiative.properties.parameters).filter(
    ([, { defaultValue }]) => defaultValue === undefined,
  )
  return Object.fromEntries(needed.map(([name]) => [name, { value: values[name] ?? '' }]))
}

/** Parameters of both roots, with the issuers of the lab. */
async function parameters(config: ConfigFile): Promise<Document> {
  const issuers = config.issuers.map((issuer) =>
    issuer.profile === 'entra'
      ? {
          ...issuer,
          graph: { endpoint: lab.urls.graph, identity: 'directory-reader', scope: GRAPH },
        }
      : issuer,
  )
  return {
    namePrefix: 'harness',
    location: REGION,
    tenantId: TENANT,
    workspaceIds: [workspaceId()],
    policyAssignments: [
      {
        name: 'azureml-harness',
        resourceGroup: RESOURCE_GROUP,
        definitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/policySetDefinitions/azureml-harness-workspaces`,
        parameters: await policyParameters(),
        enforcementMode: 'Default',
        roleIds: [NETWORK_CONTRIBUTOR],
      },
    ],
    policyExport: await policyExport(),
    vaultName: 'kv-harness',
    storageAccountName: 'stharness',
    hostName: 'ml.contoso.example',
    issuers: JSON.parse(JSON.stringify(issuers)) as Json,
    settings: JSON.parse(JSON.stringify({ console: config.console })) as Json,
  }
}
const GRAPH = 'https://graph.microsoft.com/.default'

/** What can only be seen once somebody calls. */
const NEVER_USED = ['records warning', 'bindings unverified'] as const

const NETWORK_CONTRIBUTOR = '4d97b98b-1d4f-4787-a291-c67834d212e7'

const AKS = {
  // the one that the lab's cluster has tokens of
  serviceAccount: 'gateway',
  kubernetesVersion: '1.33',
  adminGroupIds: ['00000000-0000-4000-8000-000000000012'],
  serviceIp: '10.40.3.200',
  imageRepository: 'contoso.azurecr.io/azureml-harness',
  imageDigest: DIGEST,
}
const CONTAINER_APPS = {
  spoolStorageAccountName: 'stharnessspool',
  image: `contoso.azurecr.io/azureml-harness@${DIGEST}`,
  bindings: 'bindings: []\n',
}

let parsing: Promise<ReadonlyMap<string, Parsed>> | undefined

async function parseAll(): Promise<ReadonlyMap<string, Parsed>> {
  const all = (await readdir(BICEP, { recursive: true })).filter((file) => file.endsWith('.bicep'))
  return parseBicep(
    python ?? '',
    all.map((file) => join(BICEP, file)),
  )
}

async function bicep(name: string, params: Document): Promise<{ made: Made[]; outputs: Document }> {
  const files = await (parsing ??= parseAll())
  const { made, put } = await labAzure()
  const options = { files, place: { scope: GROUP, location: REGION }, put }
  return { made, outputs: await deployBicep(join(BICEP, `${name}.bicep`), params, options) }
}

async function terraform(
  name: string,
  params: Document,
): Promise<{ made: Made[]; outputs: Document }> {
  const { made, put } = await labAzure()
  const variables = Object.fromEntries(
    Object.entries(params).map(([key, value]) => [snake(key), value]),
  )
  const given = { resource_group_id: GROUP, ...variables }
  return { made, outputs: await deployTerraform(join(TERRAFORM, name), given, { put }) }
}

/** Documents by id, without what says when they were written. */
function documents(made: readonly Made[]): Document {
  const all = made.map(({ resource, document }): [string, Json] => {
    const { systemData, ...rest } = document
    return [resource.id, sorted(systemData === undefined ? document : rest)]
  })
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface AppProperties {
  readonly configuration: { readonly secrets: readonly { name: string; value: string }[] }
  readonly template: { readonly containers: readonly { args: readonly string[] }[] }
}

function appOf(made: readonly Made[]): AppProperties {
  const app = made.find(({ resource }) => resource.type === 'Microsoft.App/containerApps')
  if (app === undefined) throw new Error('there is no container app')
  return app.resource.body['properties'] as unknown as AppProperties
}

/** harness.yaml as it is in the secret of the container app. */
function configurationOf(made: readonly Made[]): ConfigFile {
  const { secrets } = appOf(made).configuration
  const text = secrets.find(({ name }) => name === 'harness-yaml')?.value
  return JSON.parse(text ?? '') as ConfigFile
}

/** The doctor's findings on a configuration that was made, at the addresses of the lab. */
async function doctor(t: Test, made: ConfigFile, config: ConfigFile): Promise<readonly Finding[]> {
  const directory = t.testdir({})
  const spool = join(directory, 'spool')
  await mkdir(spool, { mode: 0o700 })
  const { search } = made.audit
  // what a pod has as its service account
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, await lab.tokenService.workloadToken())
  const authorityHost = lab.urls.tokenService
  const identities = Object.entries(made.identities).map(([name, identity]) => [
    name,
    identity.kind === 'workload-identity' ? { ...identity, tokenFile, authorityHost } : identity,
  ])
  const here = {
    ...made,
    identities: Object.fromEntries(identities) as ConfigFile['identities'],
    operationKey: { fromEnv: 'HARNESS_OPERATION_KEY' },
    listen: { ...made.listen, host: '127.0.0.1' },
    cloud: { ...config.cloud, ...made.cloud },
    policies: config.policies,
    audit: {
      ...made.audit,
      spool: { ...made.audit.spool, directory: spool },
      search: { ...search, endpoint: lab.urls.ingestion },
    },
  }
  const file = join(directory, 'harness.yaml')
  await writeFile(file, stringify(here), { mode: 0o600 })
  const env = { HARNESS_OPERATION_KEY: randomBytes(32).toString('hex') }
  const { out, err } = await run(['doctor', '--config', file, '--json'], { env })
  t.equal(err, '')
  return (JSON.parse(out) as { findings: readonly Finding[] }).findings
}

const told = (findings: readonly Finding[]): string =>
  findings
    .map(({ check, status, where, what }) => `${check} ${status} ${where}: ${what}`)
    .join('\n')

if (python !== null) {
  let config: ConfigFile
  t.before(async () => {
    const directory = t.testdir()
    lab = await startLab({ directory, port: 0, names: ['ml.contoso.example'] })
    setDefaultCACertificates([...getCACertificates('default'), lab.certificates.ca])
    Object.assign(process.env, lab.env)
    config = await writeGatewayConfig(lab, join(directory, 'lab.yaml'), { port: 8443 })
  })
  t.teardown(() => lab.close())

  t.test('Container Apps: made by Bicep, again by Terraform, and healthy', async (t) => {
    // nobody may anything but by what is made here
    lab.roles.assign([])
    const params = { ...(await parameters(config)), ...CONTAINER_APPS }
    const first = await bicep('container-apps', params)
    t.ok(first.made.length > 50, `${first.made.length} resources`)
    t.same(
      first.made.filter(({ status }) => status !== 201).map(({ resource }) => resource.id),
      [],
      'each is new',
    )
    const made = configurationOf(first.made)
    const findings = await doctor(t, made, config)
    const ill = findings.filter(({ status }) => status !== 'ok')
    // nobody has called so far
    t.same(
      [...new Set(ill.map(({ check, status }) => `${check} ${status}`))],
      NEVER_USED,
      told(ill),
    )
    const assignment = first.made.find(({ resource }) =>
      resource.type.endsWith('/policyAssignments'),
    )
    const ids = [...JSON.stringify(assignment?.resource.body).matchAll(/"value":"([^"]*)"/g)]
    t.ok(ids.length > 0)
    const there = first.made.map(({ resource }) => resource.id)
    for (const [, id = ''] of ids)
      t.ok(
        there.includes(id.replace('/subnets/endpoints', '')),
        `the policy names what is made: ${id}`,
      )
    const checked = new Set(findings.map(({ check }) => check))
    for (const check of ['identities', 'roles', 'sinks', 'spool']) t.ok(checked.has(check), check)

    const second = await terraform('container-apps', params)
    t.same(documents(second.made), documents(first.made), 'what is there stays as it is')
  })

  t.test('a replica of Container Apps starts with a spool of its own', async (t) => {
    const { made } = await bicep('container-apps', {
      ...(await parameters(config)),
      ...CONTAINER_APPS,
    })
    const folder = t.testdir({
      'harness.yaml': JSON.stringify(configurationOf(made)),
      node: '#!/bin/sh\necho "$@"\n',
    })
    await chmod(join(folder, 'node'), 0o755)
    const [flags = '', script = ''] = appOf(made).template.containers[0]?.args ?? []
    // a machine of its own has these folders
    const here = script
      .replaceAll('/etc/azureml-harness', folder)
      .replaceAll('/tmp/harness.yaml', join(folder, 'own.yaml'))
    const start = async (env: Readonly<Record<string, string>>): Promise<string> => {
      const path = { PATH: `${folder}:${process.env['PATH'] ?? ''}` }
      return (await execute('/bin/sh', [flags, here], { env: { ...path, ...env } })).stdout
    }
    t.match(
      await start({ CONTAINER_APP_REPLICA_NAME: 'harness-gateway--1-abc' }),
      `dist/azureml-harness.mjs serve --config ${join(folder, 'own.yaml')}`,
    )
    const own = JSON.parse(await readFile(join(folder, 'own.yaml'), 'utf8')) as ConfigFile
    t.equal(own.audit.spool.directory, '/spool/harness-gateway--1-abc')
    await t.rejects(start({}), 'without a name it does not start')
  })

  t.test('what has no parent is refused', async (t) => {
    const { put } = await labAzure()
    const workspace = `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/none`
    await t.rejects(
      put({
        symbol: 'table',
        id: `${workspace}/tables/AmlHarnessAudit_CL`,
        type: 'Microsoft.OperationalInsights/workspaces/tables',
        apiVersion: '2023-09-01',
        body: {},
      }),
      /ParentResourceNotFound/,
    )
  })

  t.test('without what a module makes, the doctor says what is missing', async (t) => {
    lab.roles.assign([])
    const params: Document = { ...(await parameters(config)), ...CONTAINER_APPS }
    const { roles, ...rest } = params['policyExport'] as { roles: Document[] }
    const fewer = roles.map((role) => ({ ...role, actions: ['*/read'] }))
    const { made } = await bicep('container-apps', {
      ...params,
      policyExport: { ...rest, roles: fewer },
    })
    const whole = configurationOf(made)
    const { 'audit-writer': _, ...identities } = whole.identities
    const of = (findings: readonly Finding[], status: string): string[] => [
      ...new Set(findings.filter((one) => one.status === status).map(({ check }) => check)),
    ]
    t.same(of(await doctor(t, whole, config), 'failed'), ['roles'])
    t.same(of(await doctor(t, { ...whole, identities }, config), 'failed'), ['config'])
  })

  t.test('AKS: made by Terraform, and its values are those of the chart', async (t) => {
    lab.roles.assign([])
    const params = { ...(await parameters(config)), ...AKS }
    const { made, outputs } = await terraform('aks', params)
    const trusted = made.filter(({ resource }) =>
      resource.type.endsWith('/federatedIdentityCredentials'),
    )
    const { sub, aud } = decodeJwt(await lab.tokenService.workloadToken())
    t.equal(trusted.length, 7)
    for (const { resource } of trusted)
      t.match(resource.body, { properties: { subject: sub, audiences: [aud] } }, resource.id)
    // the certificate is a Secret of the cluster
    const configuration = outputs['configuration'] as unknown as ConfigFile
    const { tls } = config.listen
    const served = { ...configuration, listen: { ...configuration.listen, ...(tls && { tls }) } }
    const findings = await doctor(t, served, config)
    const ill = findings.filter(({ status }) => status !== 'ok')
    t.same(
      [...new Set(ill.map(({ check, status }) => `${check} ${status}`))],
      NEVER_USED,
      told(ill),
    )
    const again = await bicep('aks', params)
    t.same(documents(again.made), documents(made))
    t.same(sorted(again.outputs['helmValues'] ?? null), sorted(outputs['helm_values'] ?? null))
    const { file, skip } = command('helm')
    if (skip !== false) {
      t.comment(`skipped: ${skip}`)
      return
    }
    const folder = t.testdir({ 'values.yaml': stringify(outputs['helm_values']) })
    const chart = resolve('deploy/helm/azureml-harness')
    const args = ['template', 'gw', chart, '--values', join(folder, 'values.yaml')]
    const { stdout } = await execute(file, args)
    const rendered = parseAllDocuments(stdout).map((one) => one.toJS() as Rendered | null)
    const text = rendered.find((one) => one?.data?.['harness.yaml'] !== undefined)?.data
    await writeFile(join(folder, 'harness.yaml'), text?.['harness.yaml'] ?? '', { mode: 0o600 })
    const { out } = await run(['config', 'check', join(folder, 'harness.yaml'), '--output', 'json'])
    const { faults } = JSON.parse(out) as { faults: { key: string; line?: number }[] }
    // what is at fault is what a pod has and this machine has not
    t.same(
      faults.filter(({ line }) => line !== undefined),
      [],
    )
  })
}

interface Rendered {
  readonly data?: Record<string, string>
}
