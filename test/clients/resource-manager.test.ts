/**
 * Published clients of Resource Manager in Go, Java and Python. Each does the same: makes five jobs and lists them, makes
 * an endpoint and waits for it, deletes it, and makes a job as somebody who may not.
 */
import { join } from 'node:path'
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import {
  OTHER_WORKSPACE,
  SUBSCRIPTION,
  TENANT,
  WORKSPACE,
  workspaceId,
} from '../../lab/personas.ts'
import {
  command,
  runCommand,
  runProgram,
  runScript,
  said,
  settings,
  throughTheGateway,
  type Run,
  type Settings,
  type Tap,
} from './support/published.ts'
import { createShown, type Shown } from './support/shown.ts'

const OUTSIDER = `entra/${TENANT}/44444444-4444-4444-8444-444444444406`
const BINDING = `
  - id: sees-the-subscription
    template: subscription-reader
    principal: User::"${OUTSIDER}"
    resource: Subscription::"/subscriptions/${SUBSCRIPTION}"
`

t.setTimeout(300_000)
let world: World
let policies: OwnPolicies
let shown: Shown
t.before(async () => {
  policies = await ownPolicies({}, BINDING)
  world = await startGateway({ lab: { storage: true, polls: 1 }, gateway: policies })
  shown = createShown(world, import.meta.url)
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function variables(persona: string): Promise<Settings> {
  return {
    ...(await settings(world, persona)),
    LAB_OTHER_TOKEN: await world.lab.token('reader'),
    LAB_GATEWAY: world.url,
    LAB_WORKSPACE_ID: workspaceId(),
  }
}

/** Who is on record for the change that went through, and for the one that did not. */
async function recorded(t: Tap, prefix: string): Promise<void> {
  const rows = await world.allRecords()
  const about = (name: string, kind: string) =>
    rows.find(
      (row) =>
        row['RecordKind'] === kind && String(row['TargetResourceId']).endsWith(`/jobs/${name}`),
    )
  const completed = about(`${prefix}-0`, 'completed')
  t.same(
    [completed?.['PrincipalKind'], completed?.['IdentityName'], completed?.['Outcome']],
    ['user', 'ml-writer', 'success'],
  )
  const refused = about(`${prefix}-refused`, 'refused')
  t.same(
    [refused?.['PrincipalId'], refused?.['RefusalCode']],
    ['okta/00u1reader', 'policy_refused'],
  )
}

/** Calls that reached Azure's side, without their queries. */
const reached = (): string[] =>
  world.lab.requests().map(({ method, url }) => `${method} ${url.replace(/\?.*/, '')}`)

/** Runs a client as the scientist, and judges what all of them do. */
async function judge(
  t: Tap,
  client: string,
  prefix: string,
  start: (env: Settings) => Promise<Run>,
): Promise<Record<string, unknown>> {
  await world.clear()
  const env = await variables('scientist')
  const done = await start(env)
  t.equal(done.code, 0, 'the program ends well', { said: said(done) })
  throughTheGateway(t, world, env)
  const result = done.result ?? {}
  const own = (result['names'] as string[] | undefined)?.filter((name) => name.startsWith(prefix))
  t.same(
    own,
    [0, 1, 2, 3, 4].map((n) => `${prefix}-${n}`),
  )
  const properties = result['properties'] as Record<string, unknown> | undefined
  t.equal(properties?.['provisioningState'], 'Succeeded')
  t.ok(String(properties?.['scoringUri']).startsWith(`${world.url}/_score/`))
  t.match(String(result['refused']), /403.*policy_refused/s)
  t.ok(
    reached().filter((one) => one === `GET ${workspaceId()}/jobs`).length >= 3,
    'over pages of two',
  )
  await recorded(t, prefix)
  await shown.add(client, String(result['version']))
  return result
}

const polled = (): Set<string> =>
  new Set(reached().filter((one) => one.includes('/mfeOperationsStatus/')))

const azure = command('armmachinelearning')
t.test('Go, armmachinelearning: an operation resumed by its token', azure, async (t) => {
  const result = await judge(t, 'armmachinelearning (Go)', 'go', (env) =>
    runProgram(azure.file, [], env),
  )
  t.same(result['scopes'], [`${world.url}/.default`])
  t.equal(result['gone'], '404 ResourceNotFound')
  t.equal(polled().size, 2, 'the operations of a creation and of a deletion were polled')
})

const hashicorp = command('goazuresdk')
t.test('Go, hashicorp/go-azure-sdk: FromEndpoint', hashicorp, async (t) => {
  const result = await judge(t, 'hashicorp/go-azure-sdk', 'hashicorp', (env) =>
    runProgram(hashicorp.file, [], env),
  )
  t.equal(result['cloud'], 'AzureMLHarness')
  t.equal(new URL(String(result['manager'])).origin, world.url)
  t.equal(new URL(String(result['audience'])).origin, world.url, 'a token for the gateway')
  const after = reached().slice(reached().findLastIndex((one) => one.startsWith('DELETE ')) + 1)
  t.same(
    [...new Set(after)],
    [`GET ${workspaceId()}/onlineEndpoints/hashicorp`],
    'the resource was asked for until it was gone, and not the operation',
  )
})

const java = command('java')
t.test('Java, azure-core-management: a trust store of its own', java, async (t) => {
  const { directory, certificates } = world.lab
  const store = join(directory, 'trust.p12')
  // prettier-ignore
  const kept = await runCommand('keytool', [
    '-importcert', '-noprompt', '-alias', 'gateway', '-file', certificates.caFile,
    '-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit',
  ], { HOME: directory })
  t.equal(kept.code, 0, said(kept))
  const folder = join(java.file, '..', '..')
  const result = await judge(t, 'azure-core-management (Java)', 'java', (env) =>
    // prettier-ignore
    runProgram('java', [
      `-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStorePassword=changeit',
      '-cp', `${folder}/classes:${folder}/lib/*`, 'CoreManagement',
    ], env),
  )
  t.same(result['scopes'], [`${world.url}/.default`])
  t.equal(polled().size, 2, 'the operations of a creation and of a deletion were polled')
})

const mgmt = command('services')
t.test('Python, azure-mgmt-machinelearningservices: whom tokens are for', mgmt, async (t) => {
  const name = 'azure-mgmt-machinelearningservices'
  const result = await judge(t, `${name} 2`, 'python', (env) =>
    runScript(mgmt.file, 'azure_mgmt.py', env),
  )
  t.same(result['scopes'], [`${world.url}/.default`])
  t.same(
    result['unscoped'],
    ['https://management.azure.com/.default'],
    'without credential_scopes it asks for tokens of Resource Manager',
  )
  t.equal(result['gone'], '404 ResourceNotFound')
})

const reads = command('python')
t.test('reads of the subscription, by the template for them', reads, async (t) => {
  await world.clear()
  const env = await variables('outsider')
  const done = await runScript(reads.file, 'subscription_reads.py', env)
  t.equal(done.code, 0, 'the script ends well', { said: said(done) })
  throughTheGateway(t, world, env)
  const workspaces = [WORKSPACE, OTHER_WORKSPACE].toSorted()
  t.match(done.result, {
    workspaces,
    group: workspaces,
    sizes: ['Standard_DS3_v2', 'Standard_DS4_v2'],
    usages: [4],
    quotas: [100],
    keys: '403 secrets_refused',
    refused: '403 policy_refused',
  })
  await shown.add('azure-mgmt-machinelearningservices 1', String(done.result?.['version']))
})

const complete = [azure, hashicorp, java, mgmt, reads].every(({ skip }) => skip === false)
const skip = complete ? false : 'not every client is there'
t.test('the table of clients says so', { skip }, async (t) => shown.compare(t))
