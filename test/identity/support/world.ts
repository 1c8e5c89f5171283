/**
 * Issuers, keys and claims of good tokens, and an `Identify` that trusts them: the ground of every identity test.
 * @module
 */
import type { IssuerConfig } from '../../../src/config/schema/schema.ts'
import { createDenyList, type DenyList } from '../../../src/identity/deny-list.ts'
import {
  createIdentify,
  type Identify,
  type IdentifyOptions,
} from '../../../src/identity/identify.ts'
import { keyOf, startIssuer, type SigningKey, type TestIssuer } from './issuer.ts'
import { ISSUER_DEFAULTS } from '../../support/issuer-defaults.ts'

export const TENANT = '11111111-2222-4333-8444-555555555555'
export const OTHER_TENANT = '99999999-2222-4333-8444-555555555555'
export const OBJECT = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'
export const CLIENT = 'cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee'
export const GROUP = 'dddddddd-bbbb-4ccc-8ddd-eeeeeeeeeeee'
export const AUDIENCE = 'ffffffff-0000-4000-8000-000000000001'
export const OKTA_AUDIENCE = 'api://azureml-harness'
export const PUBLIC_URL = 'https://gateway.test:8443'

type Claims = Record<string, unknown>

/** A clock that tests move. Starts at a whole second. */
export interface Clock {
  (): number
  ms: number
}

export function makeClock(): Clock {
  const clock: Clock = Object.assign(() => clock.ms, { ms: Math.floor(Date.now() / 1000) * 1000 })
  return clock
}

export interface World {
  clock: Clock
  /** Moves the clock of whoever judges, and of the claims. */
  advance: (ms: number) => Promise<void>
  /** Seconds that may go by between the making of a token and its judgement. */
  slack: number
  /** Where DPoP proofs are for. */
  publicUrl: string
  path: string
  entra: TestIssuer
  okta: TestIssuer
  entraKey: SigningKey
  oktaKey: SigningKey
  entraIssuer: string
  oktaIssuer: string
  configs: IssuerConfig[]
  entraUser(changes?: Claims): Claims
  entraApp(changes?: Claims): Claims
  oktaUser(changes?: Claims): Claims
  oktaService(changes?: Claims): Claims
  logs: { fields: Record<string, unknown>; message: string }[]
  /** A fresh, started `Identify`; closed with the world. */
  makeIdentify: (changes?: Partial<IdentifyOptions>, how?: { start: boolean }) => Promise<Identify>
  close: () => Promise<void>
}

/** Drops the members that are undefined, so that a change can take a claim away. */
function claims(base: Claims, changes: Claims): Claims {
  return Object.fromEntries(
    Object.entries({ ...base, ...changes }).filter(([, v]) => v !== undefined),
  )
}

export async function makeWorld(): Promise<World> {
  const clock = makeClock()
  const [entra, okta] = await Promise.all([startIssuer(), startIssuer()])
  const [entraKey, oktaKey] = await Promise.all([
    keyOf('entra', 'entra-1'),
    keyOf('okta', 'okta-1'),
  ])
  const entraIssuer = `${entra.origin}/${TENANT}/v2.0`
  const oktaIssuer = `${okta.origin}/oauth2/aus1`
  entra.keys = [{ ...entraKey.jwk, issuer: entraIssuer } as never]
  okta.keys = [oktaKey.jwk]
  const logs: World['logs'] = []
  const made: { identify: Identify; denyList: DenyList }[] = []
  const times = (): Claims => {
    const seconds = clock() / 1000
    return { iat: seconds, nbf: seconds, exp: seconds + 3600 }
  }
  const world: World = {
    clock,
    async advance(ms) {
      clock.ms += ms
    },
    slack: 0,
    publicUrl: PUBLIC_URL,
    path: '/subscriptions/x',
    entra,
    okta,
    entraKey,
    oktaKey,
    entraIssuer,
    oktaIssuer,
    logs,
    configs: [
      {
        name: 'entra',
        profile: 'entra',
        ...ISSUER_DEFAULTS,
        issuer: entraIssuer,
        audiences: [AUDIENCE],
      },
      {
        name: 'okta',
        profile: 'okta',
        ...ISSUER_DEFAULTS,
        issuer: oktaIssuer,
        audiences: [OKTA_AUDIENCE],
      },
    ],
    entraUser: (changes = {}) =>
      claims(
        {
          iss: entraIssuer,
          aud: AUDIENCE,
          ...times(),
          ver: '2.0',
          tid: TENANT,
          oid: OBJECT,
          azp: CLIENT,
          scp: 'access',
          sub: 'pairwise',
          uti: 'uti-1',
        },
        changes,
      ),
    entraApp: (changes = {}) =>
      claims(
        {
          iss: entraIssuer,
          aud: AUDIENCE,
          ...times(),
          ver: '2.0',
          tid: TENANT,
          oid: OBJECT,
          azp: CLIENT,
          idtyp: 'app',
          sub: OBJECT,
          uti: 'uti-2',
        },
        changes,
      ),
    oktaUser: (changes = {}) =>
      claims(
        {
          iss: oktaIssuer,
          aud: OKTA_AUDIENCE,
          ...times(),
          ver: 1,
          jti: 'AT.1',
          cid: '0oaclient',
          uid: '00uperson',
          scp: ['access'],
          sub: 'someone@example.org',
        },
        changes,
      ),
    oktaService: (changes = {}) =>
      claims(
        {
          iss: oktaIssuer,
          aud: OKTA_AUDIENCE,
          ...times(),
          ver: 1,
          jti: 'AT.2',
          cid: '0oaservice',
          scp: ['access'],
          sub: '0oaservice',
        },
        changes,
      ),
    async makeIdentify(changes = {}, how = { start: true }) {
      const denyList = changes.denyList ?? createDenyList({ file: null, log: () => undefined })
      const identify = createIdentify({
        issuers: world.configs,
        publicUrl: PUBLIC_URL,
        secrets: () => 'secret',
        denyList,
        now: clock,
        graphToken: () => Promise.resolve('graph-token'),
        timeoutMs: 5_000,
        log: (fields, message) => logs.push({ fields, message }),
        ...changes,
      })
      made.push({ identify, denyList })
      if (how.start) await identify.start()
      return identify
    },
    async close() {
      for (const { identify, denyList } of made) {
        identify.close()
        denyList.close()
      }
      await Promise.all([entra.close(), okta.close()])
    },
  }
  return world
}

/** A request with a bearer token, as `identify` takes it. */
export function bearer(token: string, url = '/subscriptions/x?api-version=1') {
  return {
    method: 'GET',
    url,
    rawHeaders: ['Host', 'gateway.test', 'Authorization', `Bearer ${token}`],
  }
}

/** The code that a promise was refused with, or `accepted`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'accepted'
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string')
      return error.code
    throw error
  }
}
