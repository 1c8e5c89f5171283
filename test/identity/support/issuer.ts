/**
 * A real issuer on 127.0.0.1: discovery, keys, introspection and Graph's group route, counted and able to fail.
 * @module
 */
import { createPrivateKey, sign as signBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'

export type Route = 'discovery' | 'jwks' | 'introspection' | 'graph' | 'other'
export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

export interface SigningKey {
  kid: string
  alg: string
  privateKey: CryptoKey
  privateJwk: JWK
  jwk: JWK
}

export async function makeKey(
  kid: string,
  alg = 'RS256',
  modulusLength = 2048,
): Promise<SigningKey> {
  const pair = await generateKeyPair(alg, { extractable: true, modulusLength })
  return {
    kid,
    alg,
    privateKey: pair.privateKey,
    privateJwk: await exportJWK(pair.privateKey),
    jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' },
  }
}

const made = new Map<string, Promise<SigningKey>>()

/** The key of that label, made once: RSA keys take long to make. */
export function keyOf(label: string, kid: string, alg?: string): Promise<SigningKey> {
  const key = made.get(label) ?? makeKey(kid, alg)
  made.set(label, key)
  return key
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export interface TestIssuer {
  origin: string
  /** Requests seen, by route. */
  calls: Map<Route, number>
  /** What is published; change it to rotate. */
  keys: JWK[]
  /** Keys of an issuer with its own, by the path before `/keys`. */
  keysAt: Map<string, JWK[]>
  /** Replaces the answer of a route; delete to mend it. */
  faults: Map<Route, Answer>
  /** Answers of routes that have no default. */
  handlers: Map<Route, Answer>
  /** `iss` in the discovery document, by the path before `/.well-known`. */
  issuers: Map<string, string>
  close(): Promise<void>
}

function routeOf(url: string): Route {
  if (url.endsWith('/.well-known/openid-configuration')) return 'discovery'
  if (url.endsWith('/keys')) return 'jwks'
  if (url.endsWith('/introspect')) return 'introspection'
  if (url.endsWith('/getMemberGroups')) return 'graph'
  return 'other'
}

export async function startIssuer(): Promise<TestIssuer> {
  const calls = new Map<Route, number>()
  const faults = new Map<Route, Answer>()
  const handlers = new Map<Route, Answer>()
  const issuers = new Map<string, string>()
  const keysAt = new Map<string, JWK[]>()
  const server = createServer((request, response) => {
    const url = (request.url ?? '/').split('?')[0] ?? '/'
    const route = routeOf(url)
    calls.set(route, (calls.get(route) ?? 0) + 1)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const answer = faults.get(route) ?? handlers.get(route)
      if (answer !== undefined) answer(request, response, body)
      else if (route === 'discovery') sendDiscovery(url, response)
      else if (route === 'jwks') {
        sendJson(response, { keys: keysAt.get(url.slice(0, -'/keys'.length)) ?? issuer.keys })
      } else if (route === 'introspection') sendJson(response, { active: false })
      else sendJson(response, { error: 'not_found' }, 404)
    })
  })
  function sendDiscovery(url: string, response: ServerResponse): void {
    const base = url.slice(0, -'/.well-known/openid-configuration'.length)
    const iss = issuers.get(base) ?? `${issuer.origin}${base}`
    sendJson(response, {
      issuer: iss,
      jwks_uri: `${issuer.origin}${base}/keys`,
      introspection_endpoint: `${issuer.origin}${base}/introspect`,
    })
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const issuer: TestIssuer = {
    origin: `http://127.0.0.1:${port}`,
    calls,
    keys: [],
    keysAt,
    faults,
    handlers,
    issuers,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return issuer
}

/** Signs claims as they are: nothing is added, so that a test can leave anything out. */
export function sign(
  key: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
    .sign(key.privateKey)
}

/** A compact JWS over bytes that no library would sign for us; any RSA key, also a weak one. */
export function signRaw(
  jwk: JWK,
  header: string,
  payload: string | Buffer,
  digest = 'sha256',
): string {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const input = `${Buffer.from(header).toString('base64url')}.${bytes.toString('base64url')}`
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  return `${input}.${signBytes(digest, Buffer.from(input), key).toString('base64url')}`
}
