/**
 * Rows 41 and 42: tokens that are bound to a key.
 * @module
 */
import type { BadTokenCase } from './bad-token-case.ts'
import { dpop, makeDpopClient } from './dpop.ts'
import { sign } from './issuer.ts'
import { bearer } from './world.ts'

const client = await makeDpopClient()
const thief = await makeDpopClient()

function proof(
  name: string,
  changes: Record<string, unknown>,
  header: Record<string, unknown> = {},
  by = client,
): BadTokenCase {
  return {
    row: 42,
    name,
    async make(world) {
      const token = await sign(world.oktaKey, world.oktaUser({ cnf: { jkt: client.jkt } }))
      const moved: Record<string, unknown> = { htu: world.publicUrl + world.path, ...changes }
      if (typeof moved['iat'] === 'number') moved['iat'] += world.clock() / 1000
      return dpop(token, await by.prove(token, world.clock() / 1000, moved, header))
    },
    status: 401,
    code: 'invalid_dpop_proof',
  }
}

let replayed = ''

export const senderCases: readonly BadTokenCase[] = [
  ...[
    { name: 'a DPoP key', cnf: { jkt: client.jkt } },
    { name: 'a certificate', cnf: { 'x5t#S256': 'A'.repeat(43) } },
    { name: 'a key id', cnf: { kid: 'x' } },
    { name: 'a key in itself', cnf: { jwk: { kty: 'EC' } } },
    { name: 'nothing', cnf: {} },
    { name: 'null', cnf: null },
    { name: 'text', cnf: 'x' },
  ].map(({ name, cnf }): BadTokenCase => ({
    row: 41,
    name: `bound to ${name}, sent as bearer`,
    make: async (world) => bearer(await sign(world.oktaKey, world.oktaUser({ cnf }))),
    status: 401,
    code: 'invalid_token',
  })),
  {
    row: 41,
    name: 'not bound, sent as DPoP',
    async make(world) {
      const token = await sign(world.oktaKey, world.oktaUser())
      return dpop(token, await client.prove(token, world.clock() / 1000))
    },
    status: 401,
    code: 'invalid_token',
  },
  { ...proof('a good proof', {}), status: 200, code: 'accepted' },
  proof('htu of another path', { htu: 'https://gateway.test:8443/other' }),
  proof('htu of another host', { htu: 'https://evil.test/subscriptions/x' }),
  proof('htm of another method', { htm: 'POST' }),
  proof('ath of another token', { ath: 'A'.repeat(43) }),
  proof('no ath', { ath: undefined }),
  proof('iat two minutes ago', { iat: -120 }),
  proof('iat a minute ahead', { iat: 60 }),
  proof('no iat', { iat: undefined }),
  proof('no jti', { jti: undefined }),
  proof('the type of an ordinary JWT', {}, { typ: 'JWT' }),
  proof('no key', {}, { jwk: undefined }),
  proof('another key', {}, {}, thief),
  {
    ...proof('a proof that is no JWT', {}),
    async make(world) {
      const token = await sign(world.oktaKey, world.oktaUser({ cnf: { jkt: client.jkt } }))
      return dpop(token, 'x.y.z')
    },
  },
  {
    ...proof('two proofs', {}),
    async make(world) {
      const token = await sign(world.oktaKey, world.oktaUser({ cnf: { jkt: client.jkt } }))
      const htu = world.publicUrl + world.path
      const request = dpop(token, await client.prove(token, world.clock() / 1000, { htu }))
      return { ...request, rawHeaders: [...request.rawHeaders, ...request.rawHeaders.slice(-2)] }
    },
  },
  {
    ...proof('jti used before', {}),
    async prepare(world, ask) {
      const token = await sign(world.oktaKey, world.oktaUser({ cnf: { jkt: client.jkt } }))
      const htu = world.publicUrl + world.path
      replayed = await client.prove(token, world.clock() / 1000, { htu })
      const first = await ask(dpop(token, replayed))
      if (first !== 'accepted') throw new Error(`the first use was refused: ${first}`)
    },
    async make(world) {
      const token = await sign(world.oktaKey, world.oktaUser({ cnf: { jkt: client.jkt } }))
      return dpop(token, replayed)
    },
  },
]
