/**
 * Rows 1 to 20: headers, grammar, algorithms, keys and signatures.
 * @module
 */
import { createPublicKey } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import type { BadTokenCase, CaseRequest } from './bad-token-case.ts'
import type { BadWorld } from './bad-world.ts'
import { sign, signRaw } from './issuer.ts'
import { bearer, OKTA_AUDIENCE } from './world.ts'

const good = (world: BadWorld) => sign(world.entraKey, world.entraUser())
const withHeaders = (...rawHeaders: string[]): CaseRequest => ({ ...bearer('x'), rawHeaders })
const header = (world: BadWorld, changes: object = {}) =>
  JSON.stringify({ alg: 'RS256', kid: world.entraKey.kid, typ: 'JWT', ...changes })
const rawSigned = (world: BadWorld, changes: object) =>
  signRaw(world.entraKey.privateJwk, header(world, changes), JSON.stringify(world.entraUser()))

const encode = (text: string) => Buffer.from(text).toString('base64url')

function unsigned(world: BadWorld, alg: string, signature = ''): CaseRequest {
  const payload = encode(JSON.stringify(world.entraUser()))
  return bearer(`${encode(header(world, { alg }))}.${payload}.${signature}`)
}

/** Another spelling of the same signature: the unused bits of the last character changed. */
async function respelled(world: BadWorld): Promise<CaseRequest> {
  const token = await good(world)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet[alphabet.indexOf(token.slice(-1)) + 1] ?? ''
  return bearer(token.slice(0, -1) + last)
}

async function signedAs(world: BadWorld, alg: string): Promise<CaseRequest> {
  const { kid, privateJwk } = world.entraKey
  const key = await importJWK(privateJwk, alg)
  return bearer(await new SignJWT(world.entraUser()).setProtectedHeader({ alg, kid }).sign(key))
}

async function signedWithPublicKey(world: BadWorld): Promise<CaseRequest> {
  const { kid, jwk } = world.entraKey
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  })
  const claims = new SignJWT(world.entraUser()).setProtectedHeader({ alg: 'HS256', kid })
  return bearer(await claims.sign(Buffer.from(pem)))
}

async function attackersHeader(
  world: BadWorld,
  name: string,
  value: unknown,
): Promise<CaseRequest> {
  return bearer(await sign(world.attackerKey, world.entraUser(), { [name]: value }))
}

function weak(world: BadWorld, kid: string | undefined, key: string): CaseRequest {
  const { iat, exp } = world.oktaUser()
  const claims = {
    iss: world.weakIssuer,
    aud: OKTA_AUDIENCE,
    iat,
    exp,
    sub: 'x',
    client_id: 'c',
    scope: 's',
  }
  const jwk = world.weakKeys.get(key)
  if (jwk === undefined) throw new Error(`no key ${key}`)
  return bearer(
    signRaw(jwk, JSON.stringify({ alg: 'RS256', kid, typ: 'at+jwt' }), JSON.stringify(claims)),
  )
}

async function tampered(world: BadWorld, segment: number): Promise<CaseRequest> {
  const parts = (await good(world)).split('.')
  const claims = JSON.stringify(world.entraUser({ oid: 'bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee' }))
  const signature = Buffer.alloc(256, 7)
  parts[segment] = (segment === 1 ? Buffer.from(claims) : signature).toString('base64url')
  return bearer(parts.join('.'))
}

const kids = [
  '../../dev/null',
  "x' UNION SELECT 'key' --",
  'a\u0000b',
  'k'.repeat(10_000),
  '|/usr/bin/id',
]

export const formCases: readonly BadTokenCase[] = [
  {
    row: 1,
    name: 'no authorization',
    make: () => withHeaders('Host', 'x'),
    status: 401,
    code: 'missing_token',
  },
  {
    row: 2,
    name: 'basic',
    make: () => withHeaders('Authorization', 'Basic dTpw'),
    status: 401,
    code: 'missing_token',
  },
  {
    row: 2,
    name: 'negotiate',
    make: () => withHeaders('Authorization', 'Negotiate YII='),
    status: 401,
    code: 'missing_token',
  },
  {
    row: 3,
    name: 'two authorization headers',
    async make(world) {
      const value = `Bearer ${await good(world)}`
      return withHeaders('Authorization', value, 'authorization', value)
    },
    status: 400,
    code: 'invalid_request',
  },
  ...['access_token', 'ACCESS_TOKEN', 'access%5Ftoken'].map((name): BadTokenCase => ({
    row: 4,
    name: `?${name}=`,
    make: async (world) => ({
      ...bearer(await good(world)),
      url: `/subscriptions/x?a=1&${name}=secret`,
    }),
    status: 400,
    code: 'invalid_request',
  })),
  {
    row: 5,
    name: 'lower case',
    make: async (world) => withHeaders('authorization', `bearer ${await good(world)}`),
    status: 200,
    code: 'accepted',
  },
  {
    row: 5,
    name: 'two spaces',
    make: async (world) => withHeaders('authorization', `Bearer  ${await good(world)}`),
    status: 400,
    code: 'invalid_request',
  },
  {
    row: 5,
    name: 'a comma',
    make: async (world) => withHeaders('authorization', `Bearer ${await good(world)}, Basic x`),
    status: 400,
    code: 'invalid_request',
  },
  {
    row: 5,
    name: 'nothing after the scheme',
    make: () => withHeaders('authorization', 'Bearer'),
    status: 400,
    code: 'invalid_request',
  },
  {
    row: 6,
    name: 'token of more than 16 KB',
    make: async (world) =>
      bearer(await sign(world.entraKey, world.entraUser({ pad: 'x'.repeat(12_500) }))),
    status: 431,
    code: 'headers_too_large',
  },
  {
    row: 7,
    name: 'two segments',
    make: async (world) => bearer((await good(world)).split('.').slice(0, 2).join('.')),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 7,
    name: 'five segments, as a JWE',
    make: () => bearer('eyJhbGciOiJkaXIifQ..aa.bb.cc'),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 7,
    name: 'JSON serialization',
    make: () => bearer('{"payload":"e30","signature":"x","protected":"e30"}'),
    status: 401,
    code: 'invalid_token',
  },
  ...[' ', '\n', '=', '+', '/', '\t'].map((character): BadTokenCase => ({
    row: 8,
    name: `${JSON.stringify(character)} in a segment`,
    make: async (world) => bearer((await good(world)).replace('.', `.${character}`)),
    status: 401,
    code: 'invalid_token',
  })),
  {
    row: 9,
    name: 'non-canonical last character',
    make: respelled,
    status: 401,
    code: 'invalid_token',
  },
  ...['none', 'None', 'nOnE', 'NONE'].flatMap((alg): BadTokenCase[] => [
    {
      row: 10,
      name: `alg ${alg}`,
      make: (world) => unsigned(world, alg, 'AA'),
      status: 401,
      code: 'invalid_token',
    },
    {
      row: 10,
      name: `alg ${alg}, no signature`,
      make: (world) => unsigned(world, alg),
      status: 401,
      code: 'invalid_token',
    },
  ]),
  {
    row: 11,
    name: 'HS256 with the public key',
    make: signedWithPublicKey,
    status: 401,
    code: 'invalid_token',
  },
  ...['PS256', 'RS512'].map((alg): BadTokenCase => ({
    row: 12,
    name: alg,
    make: (world) => signedAs(world, alg),
    status: 401,
    code: 'invalid_token',
  })),
  {
    row: 12,
    name: 'ES256, by a published key',
    make: async (world) => bearer(await sign(world.ecKey, world.entraUser())),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 13,
    name: 'unknown crit',
    make: (world) => bearer(rawSigned(world, { crit: ['x'], x: 1 })),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 13,
    name: 'b64 false',
    make: (world) => bearer(rawSigned(world, { crit: ['b64'], b64: false })),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 13,
    name: 'b64 true, and critical',
    make: (world) => bearer(rawSigned(world, { crit: ['b64'], b64: true })),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 12,
    name: 'RS256 with the id of a key for ES256',
    make: (world) => bearer(rawSigned(world, { kid: world.ecKey.kid })),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 14,
    name: 'jwk in the header',
    make: (world) => attackersHeader(world, 'jwk', world.attackerKey.jwk),
    status: 401,
    code: 'invalid_token',
  },
  ...['jku', 'x5u'].map((name): BadTokenCase => ({
    row: 14,
    name: `${name} in the header`,
    make: (world) => attackersHeader(world, name, `${world.entra.origin}/attacker`),
    status: 401,
    code: 'invalid_token',
  })),
  {
    row: 14,
    name: 'x5c in the header',
    make: (world) => attackersHeader(world, 'x5c', ['MIIB']),
    status: 401,
    code: 'invalid_token',
  },
  ...kids.map((kid): BadTokenCase => ({
    row: 15,
    name: `kid ${JSON.stringify(kid.slice(0, 30))}`,
    make: (world) => bearer(rawSigned(world, { kid })),
    status: 401,
    code: 'invalid_token',
  })),
  {
    row: 15,
    name: 'kid that is a number',
    make: (world) => bearer(rawSigned(world, { kid: 7 })),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 16,
    name: 'unknown kid',
    make: async (world) =>
      bearer(await sign({ ...world.attackerKey, kid: 'unheard-of' }, world.entraUser())),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 17,
    name: 'no kid, several keys',
    make: async (world) =>
      bearer(
        await sign(
          world.sharedKey,
          world.entraUser({
            iss: world.entraIssuer.replace(/[^/]+\/v2/, '99999999-2222-4333-8444-555555555555/v2'),
            tid: '99999999-2222-4333-8444-555555555555',
          }),
          { kid: undefined },
        ),
      ),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 18,
    name: 'key for encryption',
    make: (world) => weak(world, 'enc-1', 'enc-1'),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 18,
    name: 'two keys with one id',
    make: (world) => weak(world, 'twin', 'twin'),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 19,
    name: 'RSA key of 1024 bits',
    make: (world) => weak(world, 'small', 'small'),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 20,
    name: 'tampered claims',
    make: (world) => tampered(world, 1),
    status: 401,
    code: 'invalid_token',
  },
  {
    row: 20,
    name: 'tampered signature',
    make: (world) => tampered(world, 2),
    status: 401,
    code: 'invalid_token',
  },
]
