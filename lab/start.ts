/**
 * `npm start`: a small Azure on this machine, and the gateway in front of it.
 *
 * Starts, in this process, two OpenID issuers (one shaped as Entra ID, one as Okta), the
 * managed-identity endpoint, Azure Resource Manager, the data plane, scoring, Microsoft Graph and
 * the Logs Ingestion API; then writes `lab.json` into the lab's directory and starts the gateway as a
 * process of its own, as an operator would run it. When that is ready it prints what to paste.
 *
 *   HARNESS_PORT  port of the gateway (8443)
 *   LAB_PORT      first of nine consecutive ports of the lab (9440); 0 picks free ones
 *   LAB_DIR       certificates, configuration, spool and lab.json (.lab)
 *   LAB_HOST      name by which others reach the lab; if set it listens on all addresses (localhost)
 *   LAB_GATEWAY   `none` starts no gateway, but leaves the configuration of one in LAB_DIR
 *   LAB_IDENTITY_HEADER  what IDENTITY_HEADER must be for that gateway (random if absent)
 *
 * What arrived: GET {upstream}/_lab/requests and GET {ingestion}/_lab/rows (DELETE clears them).
 * What shall fail: POST {any part}/_lab/faults (see faults.ts).
 * @module
 */
import { prepareGateway, SPOOL } from './compose.ts'
import { describe, spawnGateway, type Gateway } from './gateway/gateway.ts'
import { forPeople } from './gateway/harness-config.ts'
import { labDirectory, removeLabFile, writeLabFile, type LabFile } from './lab-file.ts'
import { issuerOf, startLab, type Lab } from './lab.ts'
import { hasMlflow } from './azure/mlflow.ts'
import { freePort } from './server/free-port.ts'
import { PERSONAS, RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, workspaceId } from './personas.ts'

const API_VERSION = '2024-04-01'

function portOf(name: string, otherwise: number): number {
  const text = process.env[name]
  if (text === undefined || text === '') return otherwise
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${name} must be a port, not "${text}"`)
  return port
}

function optional(name: string): string | undefined {
  const value = process.env[name]
  return value === '' ? undefined : value
}

function help(lab: Lab, gateway: Gateway): string {
  const { caFile } = lab.certificates
  // these lines are pasted where LAB_DIR is not set
  const moved = optional('LAB_DIR') === undefined ? '' : `LAB_DIR=${lab.directory} `
  const tokenOf = (name: string): string => `${moved}npm run -s lab:token -- ${name}`
  const personas = [...PERSONAS].map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  const jobs = `${gateway.url}${workspaceId()}/jobs?api-version=${API_VERSION}`
  const { urls } = lab
  return `
The console  ${gateway.url}/_harness/console   (in a browser that trusts the CA below: sign in as a persona)
The gateway  ${gateway.url}   (process ${gateway.pid})
Azure        ${urls.upstream}   (what arrived: ${urls.upstream}/_lab/requests)
Records      ${urls.ingestion}   (rows: ${urls.ingestion}/_lab/rows), spool in ${lab.spool}
Issuers      ${lab.issuers.entra.url}
             ${lab.issuers.okta.url}
CA           ${caFile}

Personas (${tokenOf('NAME')})
${personas.join('\n')}

curl
  curl --cacert ${caFile} \\
    -H "Authorization: Bearer $(${tokenOf('scientist')})" \\
    "${jobs}"

JavaScript (NODE_EXTRA_CA_CERTS=${caFile})
  import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
  import { execSync } from 'node:child_process'
  const token = execSync('${tokenOf('scientist')}').toString().trim()
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3e6 }) }
  const client = new AzureMachineLearningWorkspaces(credential, '${SUBSCRIPTION}', {
    endpoint: '${gateway.url}',
  })
  for await (const job of client.jobs.list('${RESOURCE_GROUP}', '${WORKSPACE}')) console.log(job.name)

Python (azure-ai-ml, azureml-mlflow, az)
  export ARM_CLOUD_METADATA_URL='${gateway.url}/metadata/endpoints?api-version=2019-05-01'
  export AZUREML_CURRENT_CLOUD=AzureMLHarness
  export REGISTRY_DISCOVERY_ENDPOINT_URL=${gateway.url}/
  export REQUESTS_CA_BUNDLE=${caFile}
  export HTTPS_PROXY=${lab.storage?.egress.url ?? ''} NO_PROXY=localhost   # leads to this lab's storage only

MLflow (a real server behind it, if .venv is there: docs/clients.md)
  export MLFLOW_TRACKING_URI=${gateway.url}/mlflow/v1.0${workspaceId()}
  export MLFLOW_TRACKING_TOKEN=$(${tokenOf('scientist')})

Sign-in as people do it, and a program that finds the gateway by its environment
  npm run -s cli -- login --gateway ${gateway.url} --issuer entra --ca ${caFile}
  npm run -s cli -- exec --workspace ${workspaceId()} -- python train.py

What you may do here, and why your last call was refused
  npm run -s cli -- whoami
  npm run -s cli -- why

Ctrl-C stops all of it.
`
}

/**
 * Resolves with the first signal that asks us to stop. The handlers stay: Ctrl-C under npm comes twice, from the
 * terminal and from npm, and the second must not end us before the gateway has ended.
 */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, resolve)
  })
}

const urlOf = (port: number): string => `https://localhost:${port}`

function labFile(lab: Lab, gateway: string, spool: string): LabFile {
  const personas = [...PERSONAS].map(([name, persona]) => [
    name,
    {
      issuer: lab.issuers[issuerOf(persona)].url,
      tokenCommand: `npm run -s lab:token -- ${name}`,
    },
  ])
  return {
    gateway,
    ca: lab.certificates.caFile,
    subscription: SUBSCRIPTION,
    resourceGroup: RESOURCE_GROUP,
    workspace: WORKSPACE,
    upstream: lab.urls.upstream,
    ingestion: lab.urls.ingestion,
    spool,
    personas: Object.fromEntries(personas) as LabFile['personas'],
  }
}

type Clock = () => string

/** The lab alone, for a gateway that somebody else runs. */
async function runAlone(lab: Lab, asked: Promise<NodeJS.Signals>, since: Clock): Promise<number> {
  const port = portOf('HARNESS_PORT', 8443)
  const config = await prepareGateway(lab, port)
  const file = await writeLabFile(lab.directory, labFile(lab, urlOf(port), SPOOL))
  console.log(`the lab is ready after ${since()}; a gateway's configuration is in ${config}`)
  console.log(`all of this is in ${file}`)
  await asked
  return 0
}

async function runWithGateway(
  lab: Lab,
  asked: Promise<NodeJS.Signals>,
  since: Clock,
): Promise<number> {
  const port = portOf('HARNESS_PORT', 8443) || (await freePort())
  // scripts read it as soon as the gateway answers ready, so it is there before the gateway is
  const file = await writeLabFile(lab.directory, labFile(lab, urlOf(port), lab.spool))
  console.log(`the lab is up after ${since()}; starting the gateway ...`)
  const gateway = await spawnGateway(lab, {
    port,
    change: await forPeople(lab),
    echo: true,
    waitUntilReady: false,
  })
  try {
    const first = await Promise.race([gateway.ready().then(() => 'ready' as const), asked])
    if (first === 'ready') {
      console.log(help(lab, gateway))
      console.log(`ready after ${since()}; all of this is in ${file}`)
      const ended = await Promise.race([gateway.exited, asked])
      if (typeof ended === 'object') {
        console.error(`the gateway has ended by itself: ${describe(ended)}`)
        return 1
      }
    }
    console.log('stopping the gateway ...')
    const exit = await gateway.stop()
    if (exit.code === 0) return 0
    console.error(`the gateway ended with ${describe(exit)}`)
    return 1
  } finally {
    await gateway.kill()
  }
}

async function main(): Promise<number> {
  const asked = stopSignal()
  const began = Date.now()
  const since = (): string => `${((Date.now() - began) / 1000).toFixed(1)} s`
  const directory = labDirectory(process.env)
  await removeLabFile(directory)
  const publicHost = optional('LAB_HOST')
  const identityHeader = optional('LAB_IDENTITY_HEADER')
  const isAlone = optional('LAB_GATEWAY') === 'none'
  console.log('starting the lab: certificates, issuers, managed identities, Azure ...')
  const lab = await startLab({
    directory,
    port: portOf('LAB_PORT', 9440),
    ...(publicHost === undefined ? {} : { publicHost, host: '0.0.0.0' }),
    // storage is behind a proxy on this machine, which clients elsewhere do not reach
    ...(isAlone ? { names: ['gateway'] } : { storage: true, mlflow: hasMlflow() }),
    ...(identityHeader === undefined ? {} : { identityHeader }),
  })
  try {
    return await (isAlone ? runAlone : runWithGateway)(lab, asked, since)
  } finally {
    await removeLabFile(directory)
    await lab.close()
    console.log('the lab is down')
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
