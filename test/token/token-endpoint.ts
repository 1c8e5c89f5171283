/**
 * Entra's token endpoint over TLS, on a socket of its own: client credentials by a federated assertion, and
 * on-behalf-of. The certificate is trusted by this process only.
 */
// oxlint-disable-next-line import/no-unassigned-import -- a polyfill that @peculiar/x509 asks for
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { webcrypto } from 'node:crypto'
import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { Test } from 'tap'
import { unsignedToken } from './identity-endpoint.ts'

export const TENANT = '44444444-4444-4444-8444-444444444444'

interface Claims {
  readonly oid?: string
}

export interface TokenRequest {
  readonly path: string
  readonly form: Record<string, string>
}

export interface TokenEndpoint {
  readonly url: string
  /** Requests for tokens; discovery is not counted. */
  readonly requests: TokenRequest[]
  readonly tokens: string[]
  /** What the next requests get in place of a token. */
  fault: 'hang' | { status: number; body: Record<string, unknown> } | null
  claims: Record<string, unknown>
  now: () => number
}

async function certificate(): Promise<{ cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const self = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
    ],
  })
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    cert: self.toString('pem'),
    key: x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag),
  }
}

async function formOf(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString('utf8')))
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export async function tokenEndpoint(t: Test): Promise<TokenEndpoint> {
  x509.cryptoProvider.set(webcrypto)
  const { cert, key } = await certificate()
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), cert])
  let serial = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? ''
    if (path.endsWith('/v2.0/.well-known/openid-configuration')) {
      const base = `${endpoint.url}/${TENANT}`
      send(response, 200, {
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      })
      return
    }
    const form = await formOf(request)
    endpoint.requests.push({ path, form })
    if (endpoint.fault === 'hang') return
    if (endpoint.fault !== null) {
      send(response, endpoint.fault.status, endpoint.fault.body)
      return
    }
    serial += 1
    const iat = Math.floor(endpoint.now() / 1000)
    const scope = form['scope']?.split(' ').find((one) => one.endsWith('/.default')) ?? ''
    const [, caller = ''] = (form['assertion'] ?? '').split('.')
    const { oid } = JSON.parse(Buffer.from(caller, 'base64url').toString() || '{}') as Claims
    const token = unsignedToken({
      aud: scope.replace(/\/\.default$/, ''),
      iat,
      exp: iat + 3600,
      appid: form['client_id'],
      tid: TENANT,
      oid,
      uti: `entra-${serial}`,
      ...endpoint.claims,
    })
    endpoint.tokens.push(token)
    send(response, 200, { token_type: 'Bearer', expires_in: 3600, scope, access_token: token })
  }
  const server = createServer({ cert, key }, (request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint: TokenEndpoint = {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    requests: [],
    tokens: [],
    fault: null,
    claims: {},
    now: Date.now,
  }
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return endpoint
}
