/**
 * `npm start`: a small Azure on this machine, and the gateway in front of it.
 *
 * Starts, in this process, two OpenID issuers (one shaped as Entra ID, one as Okta), the
 * managed-identity endpoint, Azure Resource Manager, the data plane, scoring, Microsoft Graph and
 * the Logs Ingestion API; then the gateway as a process of its own, as an operator would run it.
 * When that is ready it writes `lab.json` into the lab's directory and prints what to paste.
 *
 *   HARNESS_PORT  port of the gateway (8443)
 *   LAB_PORT      first of eight consecutive ports of the lab (9440); 0 picks free ones
 *   LAB_DIR       certificates, configuration, spool and lab.json (.lab)
 *   LAB_HOST      address to listen on (127.0.0.1)
 *   LAB_NAME      name by which others reach it (localhost)
 *
 * What arrived: GET {upstream}/_lab/requests and GET {ingestion}/_lab/rows (DELETE clears them).
 * What shall fail: POST {any part}/_lab/faults (see faults.ts).
 * @module
 */
import { describe, spawnGateway, type Gateway } from './gateway.ts'
import { labDirectory, removeLabFile, writeLabFile } from './lab-file.ts'
import { issuerOf, startLab, type Lab } from './lab.ts'
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
  // paste-able lines must find this lab, wherever it was told to be
  const moved = optional('LAB_DIR') === undefined ? '' : `LAB_DIR=${lab.directory} `
  const tokenOf = (name: string): string => `${moved}npm run -s lab:token -- ${name}`
  const personas = [...PERSONAS].map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  const jobs = `${gateway.url}${workspaceId()}/jobs?api-version=${API_VERSION}`
  const { urls } = lab
  return `
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

Ctrl-C stops all of it.
`
}

/** Resolves with the first signal that asks us to stop. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, resolve)
  })
}

async function main(): Promise<number> {
  const asked = stopSignal()
  const began = Date.now()
  const seconds = (): string => `${((Date.now() - began) / 1000).toFixed(1)} s`
  const directory = labDirectory(process.env)
  await removeLabFile(directory)
  const host = optional('LAB_HOST')
  const publicHost = optional('LAB_NAME')
  console.log('starting the lab: certificates, issuers, managed identities, Azure ...')
  const lab = await startLab({
    directory,
    port: portOf('LAB_PORT', 9440),
    ...(host === undefined ? {} : { host }),
    ...(publicHost === undefined ? {} : { publicHost }),
  })
  console.log(`the lab is up after ${seconds()}; starting the gateway ...`)
  let gateway: Gateway | null = null
  try {
    gateway = await spawnGateway(lab, {
      port: portOf('HARNESS_PORT', 8443),
      ...(host === undefined ? {} : { host }),
      echo: true,
      waitUntilReady: false,
    })
    const first = await Promise.race([gateway.ready().then(() => 'ready' as const), asked])
    if (first === 'ready') {
      const personas = Object.fromEntries(
        [...PERSONAS].map(([name, persona]) => [
          name,
          {
            issuer: lab.issuers[issuerOf(persona)].url,
            tokenCommand: `npm run -s lab:token -- ${name}`,
          },
        ]),
      )
      const file = await writeLabFile(directory, {
        gateway: gateway.url,
        ca: lab.certificates.caFile,
        subscription: SUBSCRIPTION,
        resourceGroup: RESOURCE_GROUP,
        workspace: WORKSPACE,
        upstream: lab.urls.upstream,
        ingestion: lab.urls.ingestion,
        spool: lab.spool,
        personas,
      })
      console.log(help(lab, gateway))
      console.log(`ready after ${seconds()}; all of this is in ${file}`)
      const ended = await Promise.race([gateway.exited, asked])
      if (typeof ended === 'object') {
        console.error(`the gateway has ended by itself: ${describe(ended)}`)
        return 1
      }
    }
    console.log('stopping the gateway ...')
    const exit = await gateway.stop()
    if (exit.code !== 0) console.error(`the gateway ended with ${describe(exit)}`)
    return exit.code === 0 ? 0 : 1
  } finally {
    await gateway?.kill()
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
