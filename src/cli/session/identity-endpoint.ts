/**
 * A managed-identity endpoint on this machine for the child of `exec`, so that `DefaultAzureCredential` finds a token for
 * the gateway without any code.
 *
 * The protocol is App Service's of 2019 (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`), which Azure's libraries for Python,
 * JavaScript, Go, Java and .NET speak.
 * @module
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { Problem } from '../problem.ts'
import type { Credential } from './credential.ts'
import { STORAGE, type StorageToken } from './storage-token.ts'
import type { Variables } from './variables.ts'

export interface IdentityEndpoint {
  /** What leads a child to it. */
  readonly variables: Variables
  readonly close: () => void
}

export interface IdentityEndpointOptions {
  /** The gateway's origin, for which it gives tokens. */
  readonly gateway: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** A fresh token for the gateway. */
  readonly credential: () => Promise<Credential>
  /** A token for storage. @throws Problem if this caller has none */
  readonly storage: () => Promise<StorageToken>
}

const PATH = '/token'
const HOST = '127.0.0.1'
/** azure-ai-ml sends a token for it with pipelines, to the gateway; the gateway's own will do there. */
const ML = 'https://ml.azure.com'

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, string | number>>
}

const refuse = (status: number, message: string): Answer => ({
  status,
  body: { statusCode: status, message },
})

/** Listens on a free port of the loopback address. A caller needs the secret of the child's environment. */
export async function openIdentityEndpoint(
  options: IdentityEndpointOptions,
): Promise<IdentityEndpoint> {
  const secret = randomBytes(32).toString('hex')
  let host = ''
  const server = createServer(
    { requestTimeout: 10_000, keepAliveTimeout: 1000 },
    (request, response) => {
      void answer(request, host, secret, options)
        .catch((error: unknown) =>
          error instanceof Problem
            ? refuse(400, `${error.message}; ${error.next}`)
            : refuse(400, 'no token can be had; azureml-harness token says why'),
        )
        .then(({ status, body }) => {
          const text = JSON.stringify(body)
          response.writeHead(status, {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
            'cache-control': 'no-store',
          })
          response.end(text)
        })
    },
  )
  server.listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the endpoint has no port')
  host = `${HOST}:${address.port}`
  return {
    variables: new Map([
      ['IDENTITY_ENDPOINT', `http://${host}${PATH}`],
      ['IDENTITY_HEADER', secret],
      // with these two, clients would take the endpoint for Service Fabric's or Azure Arc's
      ['IDENTITY_SERVER_THUMBPRINT', null],
      ['IMDS_ENDPOINT', null],
      ...withoutProxy(options.env),
    ]),
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** A proxy for http would be sent the secret, and could not reach the endpoint. */
function withoutProxy(env: IdentityEndpointOptions['env']): readonly [string, string][] {
  if (
    (env['HTTP_PROXY'] ?? env['http_proxy'] ?? env['ALL_PROXY'] ?? env['all_proxy']) === undefined
  )
    return []
  const known = env['no_proxy'] ?? env['NO_PROXY'] ?? ''
  const all = [...known.split(',').filter((one) => one.trim() !== ''), HOST].join(',')
  return [
    ['NO_PROXY', all],
    ['no_proxy', all],
  ]
}

function isSecret(given: string | string[] | undefined, secret: string): boolean {
  if (typeof given !== 'string') return false
  const [a, b] = [Buffer.from(given), Buffer.from(secret)]
  return a.length === b.length && timingSafeEqual(a, b)
}

async function answer(
  { method, url = '', headers }: IncomingMessage,
  host: string,
  secret: string,
  { gateway, credential, storage }: IdentityEndpointOptions,
): Promise<Answer> {
  // a page in a browser can reach the port, under a host name of its own
  if (headers.host !== host || !isSecret(headers['x-identity-header'], secret))
    return refuse(401, 'the header X-IDENTITY-HEADER is not that of IDENTITY_HEADER')
  const { pathname, searchParams } = new URL(url, `http://${host}`)
  if (method !== 'GET' || pathname !== PATH) return refuse(404, 'there is only GET /token')
  const resources = searchParams.getAll('resource')
  const resource = resources.length === 1 ? (resources[0] ?? '').replace(/\/+$/, '') : ''
  if (resource === STORAGE) return given(await storage(), STORAGE)
  if (resource !== gateway && resource !== ML)
    return refuse(
      400,
      `azureml-harness exec gives tokens for ${gateway} and, where the sign-in has them, for ${STORAGE}, and for nothing else; for other resources, unset IDENTITY_ENDPOINT or name another credential`,
    )
  return given(await credential(), resource)
}

const given = (
  { token, expiresAt }: { readonly token: string; readonly expiresAt: number },
  resource: string,
): Answer => ({
  status: 200,
  body: {
    access_token: token,
    expires_on: String(Math.floor(expiresAt / 1000)),
    resource,
    token_type: 'Bearer',
  },
})
