/**
 * As many OpenID issuers as are asked for, on one port of this machine, and tokens of theirs: signed with ES256, since a
 * hundred thousand signatures with RSA would take longer than all the rest.
 */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { IssuerConfig } from '../../src/config/schema/schema.ts'

export interface Issuers {
  /** For a configuration: issuers `bench0`, `bench1`, and so on. */
  readonly configs: readonly IssuerConfig[]
  /** Tokens of `count` people, of all issuers in turn; all are in the group `scientists` of their issuer. */
  tokens(count: number): string[]
  close(): void
}

const AUDIENCE = 'api://bench'
const HOURS = 6 * 3_600

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export async function startIssuers(count: number): Promise<Issuers> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = randomUUID()
  const key = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }
  let origin = ''
  const server = createServer((request, response) => {
    const issuer = `${origin}${/^\/\d+/.exec(request.url ?? '')?.[0] ?? ''}`
    const isKeys = request.url?.endsWith('/keys') === true
    const discovery = {
      issuer,
      jwks_uri: `${issuer}/keys`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    }
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify(isKeys ? { keys: [key] } : discovery))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const header = encoded({ alg: 'ES256', typ: 'at+jwt', kid })
  const configs = Array.from({ length: count }, (_, n): IssuerConfig => ({
    name: `bench${n}`,
    profile: 'oidc',
    issuer: `${origin}/${n}`,
    audiences: [AUDIENCE],
    algorithms: ['ES256'],
    clockToleranceSeconds: 30,
  }))
  function token(n: number): string {
    const iat = Math.floor(Date.now() / 1000) - 5
    const claims = {
      iss: configs[n % count]?.issuer,
      aud: AUDIENCE,
      sub: `person-${n}`,
      client_id: 'bench',
      scope: 'azureml',
      groups: ['scientists'],
      jti: `token-${n}`,
      iat,
      exp: iat + HOURS,
    }
    const body = `${header}.${encoded(claims)}`
    const signature = sign('sha256', Buffer.from(body), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${body}.${signature.toString('base64url')}`
  }
  return {
    configs,
    tokens: (people) => Array.from({ length: people }, (_, n) => token(n)),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
