/**
 * App Service's managed-identity endpoint on a socket of its own, able to fail in all the ways the real one does.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Test } from 'tap'
import { freePort } from '../../lab/server/free-port.ts'

export const ARM = 'https://management.azure.com/.default'
export const CLIENT_ID = '11111111-1111-4111-8111-111111111111'
export const OBJECT_ID = '22222222-2222-4222-8222-222222222222'

export interface Answer {
  status?: number
  headers?: Record<string, string>
  body?: string
  claims?: Record<string, unknown>
}
/** What the endpoint does with the next requests. */
export type Mode = 'ok' | 'hang' | 'hang-in-body' | 'reset' | Answer

export interface IdentityEndpoint {
  mode: Mode
  readonly requests: { method: string; url: URL; headers: IncomingMessage['headers'] }[]
  readonly tokens: string[]
  lifetimeSeconds: number
  now: () => number
  /** Stops listening and cuts all connections: `ECONNREFUSED` from now on. */
  down(): Promise<void>
  up(): Promise<void>
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Unsigned: the broker does not verify what its own endpoint hands out, and Azure is not here to do it. */
export function unsignedToken(claims: Record<string, unknown>): string {
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.c2lnbmF0dXJlLWNhbmFyeQ`
}

export async function identityEndpoint(t: Test): Promise<IdentityEndpoint> {
  const header = 'secret-of-the-endpoint'
  let server: Server | null = null
  // it goes down and comes up again
  const port = await freePort()
  let serial = 0
  const endpoint: IdentityEndpoint = {
    mode: 'ok',
    requests: [],
    tokens: [],
    lifetimeSeconds: 3600,
    now: Date.now,
    async down() {
      const closing = server
      server = null
      if (closing === null) return
      closing.closeAllConnections()
      await new Promise((resolve) => closing.close(resolve))
    },
    async up() {
      const listening = createServer(handle)
      await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve))
      server = listening
    },
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', `http://127.0.0.1:${port}`)
    endpoint.requests.push({ method: request.method ?? '', url, headers: request.headers })
    const { mode } = endpoint
    if (mode === 'hang') return
    if (mode === 'reset') {
      request.socket.resetAndDestroy()
      return
    }
    if (mode === 'hang-in-body') {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('{"access_token":"')
      return
    }
    const answer = mode === 'ok' ? {} : mode
    response.writeHead(answer.status ?? 200, {
      'content-type': 'application/json',
      ...answer.headers,
    })
    if (answer.body !== undefined || (answer.status ?? 200) >= 400) {
      response.end(answer.body ?? '{"statusCode":500,"message":"broken"}')
      return
    }
    if (request.headers['x-identity-header'] !== header) {
      response.end('{"statusCode":401,"message":"wrong header"}')
      return
    }
    response.end(JSON.stringify(issue(url, answer.claims ?? {})))
  }

  function issue(url: URL, claims: Record<string, unknown>): Record<string, unknown> {
    const resource = url.searchParams.get('resource') ?? ''
    const iat = Math.floor(endpoint.now() / 1000)
    const exp = iat + endpoint.lifetimeSeconds
    serial += 1
    const all = {
      aud: resource,
      iat,
      exp,
      appid: CLIENT_ID,
      oid: OBJECT_ID,
      uti: `${serial}`,
      ...claims,
    }
    const token = unsignedToken(all)
    endpoint.tokens.push(token)
    return { access_token: token, expires_on: String(exp), resource, token_type: 'Bearer' }
  }

  await endpoint.up()
  // the library reads both from the environment and remembers them: one endpoint a test file
  process.env['IDENTITY_ENDPOINT'] = `http://127.0.0.1:${port}/msi/token`
  process.env['IDENTITY_HEADER'] = header
  t.teardown(() => endpoint.down())
  return endpoint
}
