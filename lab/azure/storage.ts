/**
 * The workspace's storage account: azurite under Azure's host name, reached through the egress proxy, with a journal.
 *
 * Calls to storage bypass the gateway: clients use a SAS, or their own identity where a datastore has no keys.
 * @module
 */
import { randomUUID } from 'node:crypto'
import * as https from 'node:https'
import { startAzurite, STORAGE_ACCOUNT, type Azurite } from './azurite.ts'
import type { Certificates } from '../identity/ca.ts'
import { createEgress, type Egress } from './egress.ts'
import { createJournal, type Entry } from '../server/journal.ts'
import type { Call } from '../server/call.ts'
import { createPart } from '../server/server.ts'

/** Covered by the lab's certificate. */
export const STORAGE_HOST = `${STORAGE_ACCOUNT}.blob.core.windows.net`
/** Of the workspace's datastores. */
export const DATASTORE_CONTAINER = 'azureml-blobstore'
/** Of runs' logs and outputs. */
export const ARTIFACT_CONTAINER = 'azureml'

export interface Storage {
  readonly azurite: Azurite
  readonly egress: Egress
  /** Absolute URL of a blob or container. */
  url(container: string, blob?: string): string
  /** The same with a SAS. */
  signed(permissions: string, container: string, blob?: string): string
  /** A fresh, empty container and its name. */
  newContainer(): Promise<string>
  /** What reached the account, in order. */
  requests(): readonly Entry[]
  close(): Promise<void>
}

/** Hands a call on to azurite as it came, `Host` included. */
function forward(call: Call, azurite: Azurite, ca: string): Promise<null> {
  const { promise, resolve, reject } = Promise.withResolvers<null>()
  const { request, response } = call.raw
  const { hostname, port } = new URL(azurite.url)
  const onward = https.request(
    {
      hostname,
      port,
      ca,
      method: call.method,
      path: request.url,
      headers: request.headers,
    },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.on('error', reject)
      response.on('close', () => resolve(null))
    },
  )
  onward.on('error', reject)
  request.pipe(onward)
  return promise
}

/** A blob's name as the path of its URL. */
function escaped(blob: string): string {
  return blob.split('/').map(encodeURIComponent).join('/')
}

/** Starts azurite, its host and the proxy, with the two containers that every workspace has. */
export async function startStorage(
  directory: string,
  certificates: Certificates,
): Promise<Storage> {
  const azurite = await startAzurite(directory, certificates)
  const journal = createJournal()
  const part = await createPart({
    name: 'storage',
    journal,
    host: '127.0.0.1',
    port: 0,
    publicHost: 'localhost',
    tls: certificates,
    bodies: 'leave',
  })
  part.serve((call) => forward(call, azurite, certificates.ca))
  const egress = await createEgress(new Map([[`${STORAGE_HOST}:443`, part.port]]))
  await azurite.createContainer(DATASTORE_CONTAINER)
  await azurite.createContainer(ARTIFACT_CONTAINER)

  const url = (container: string, blob?: string): string =>
    `https://${STORAGE_HOST}/${container}${blob === undefined ? '' : `/${escaped(blob)}`}`
  return {
    azurite,
    egress,
    url,
    signed: (permissions, container, blob) =>
      `${url(container, blob)}?${azurite.sas(permissions, container, blob)}`,
    async newContainer() {
      const name = randomUUID()
      await azurite.createContainer(name)
      return name
    },
    requests: () => journal.entries(),
    async close() {
      await Promise.all([egress.close(), part.close(), azurite.close()])
    },
  }
}
