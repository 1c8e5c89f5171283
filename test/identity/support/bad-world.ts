/**
 * The world of docs/security-cases.md: beside the two usual issuers a shared Entra one, one that publishes bad keys,
 * one whose tokens are opaque, one that asks Graph, and a deny list.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JWK } from 'jose'
import { createDenyList, type DenyList } from '../../../src/identity/deny-list.ts'
import { keyOf, type SigningKey } from './issuer.ts'
import { AUDIENCE, makeWorld, OKTA_AUDIENCE, OTHER_TENANT, TENANT, type World } from './world.ts'
import { ISSUER_DEFAULTS } from '../../support/issuer-defaults.ts'

export const MSA_TENANT = '9188040d-6c67-4c5b-b112-36a304b66dad'
export const GRAPH_TENANT = '77777777-2222-4333-8444-555555555555'
export const REVOKED = '0badf00d-bbbb-4ccc-8ddd-eeeeeeeeeeee'

const small = generateKeyPairSync('rsa', { modulusLength: 1024 })

export interface BadWorld extends World {
  denyList: DenyList
  denyListFile: string
  /** Signs for the shared Entra issuer. */
  sharedKey: SigningKey
  /** The personal accounts' key in the shared set. */
  msaKey: SigningKey
  /** Nobody publishes this one. */
  attackerKey: SigningKey
  /** In Entra's set, for an algorithm that is not configured. */
  ecKey: SigningKey
  /** Private halves of the keys of the issuer `weak`, by key id. */
  weakKeys: Map<string, JWK>
  weakIssuer: string
  opaqueIssuer: string
  graphIssuer: string
}

export async function makeBadWorld(): Promise<BadWorld> {
  const world = await makeWorld()
  const { entra, okta } = world
  const [sharedKey, msaKey, attackerKey, ecKey, encKey, twinKey] = await Promise.all([
    keyOf('shared', 'shared-1'),
    keyOf('msa', 'msa-1'),
    keyOf('attacker', 'entra-1'),
    keyOf('ec', 'ec-1', 'ES256'),
    keyOf('enc', 'enc-1'),
    keyOf('twin', 'twin'),
  ])
  const template = `${entra.origin}/{tenantid}/v2.0`
  entra.issuers.set('/organizations/v2.0', template)
  entra.keys.push(ecKey.jwk)
  entra.keysAt.set('/organizations/v2.0', [
    withIssuer(sharedKey.jwk, template),
    withIssuer(msaKey.jwk, `${entra.origin}/${MSA_TENANT}/v2.0`),
  ])
  const graphIssuer = `${entra.origin}/${GRAPH_TENANT}/v2.0`
  entra.keysAt.set(`/${GRAPH_TENANT}/v2.0`, [withIssuer(world.entraKey.jwk, graphIssuer)])
  okta.keysAt.set('/weak', [
    { ...(small.publicKey.export({ format: 'jwk' }) as JWK), kid: 'small', use: 'sig' },
    { ...encKey.jwk, use: 'enc' },
    twinKey.jwk,
    { ...attackerKey.jwk, kid: 'twin' },
    world.oktaKey.jwk,
  ])
  const weakIssuer = `${okta.origin}/weak`
  const opaqueIssuer = `${okta.origin}/opaque`
  world.configs = [
    ...world.configs,
    {
      name: 'shared',
      profile: 'entra',
      ...ISSUER_DEFAULTS,
      issuer: template,
      audiences: [AUDIENCE],
      tenants: [OTHER_TENANT],
    },
    {
      name: 'weak',
      profile: 'oidc',
      ...ISSUER_DEFAULTS,
      issuer: weakIssuer,
      audiences: [OKTA_AUDIENCE],
    },
    {
      name: 'opaque',
      profile: 'oidc',
      ...ISSUER_DEFAULTS,
      issuer: opaqueIssuer,
      audiences: [OKTA_AUDIENCE],
      introspection: { clientId: 'gateway', clientSecret: { fromEnv: 'X' } },
    },
    {
      name: 'graph',
      profile: 'entra',
      ...ISSUER_DEFAULTS,
      issuer: graphIssuer,
      audiences: [AUDIENCE],
      graph: { endpoint: entra.origin, identity: 'reader' },
    },
  ]
  const folder = await mkdtemp(join(tmpdir(), 'deny-'))
  const file = join(folder, 'deny.txt')
  await writeFile(
    file,
    `principal entra/${TENANT}/${REVOKED}\nclient okta/0oarevoked # left\ntoken okta/AT.revoked\n`,
  )
  const denyList = createDenyList({ file, log: () => undefined })
  denyList.start()
  const { makeIdentify, close } = world
  return Object.assign(world, {
    denyList,
    denyListFile: file,
    sharedKey,
    msaKey,
    attackerKey,
    ecKey,
    weakIssuer,
    opaqueIssuer,
    graphIssuer,
    weakKeys: new Map([
      ['small', small.privateKey.export({ format: 'jwk' }) as JWK],
      ['enc-1', encKey.privateJwk],
      ['twin', twinKey.privateJwk],
    ]),
    makeIdentify: (...[changes, how]: Parameters<World['makeIdentify']>) =>
      makeIdentify({ denyList, timeoutMs: 2_000, ...changes }, how),
    async close() {
      denyList.close()
      await close()
      await rm(folder, { recursive: true })
    },
  })
}

/** As Entra publishes it: each key says whose it is. */
export function withIssuer(jwk: JWK, issuer: string): JWK {
  return Object.assign({ ...jwk }, { issuer })
}
