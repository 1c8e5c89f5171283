/**
 * What a browser is served in the place of a call: the first page, and the console where it is configured.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { Config, SecretSource } from './config/schema/schema.ts'
import { createConsole, createFirstPage, type Console } from './console/console.ts'
import { createFormTokens } from './console/form.ts'
import { createSeals } from './console/sealed.ts'
import { createSessions } from './console/session.ts'
import { createSignIn, signingKey } from './console/sign-in.ts'
import type { DenyList } from './identity/deny-list.ts'
import type { Identify } from './identity/identify.ts'
import type { Logger } from './lib/log.ts'
import type { Pipeline } from './pipeline.ts'
import { countingGroups } from './policy/engine/counting-groups.ts'
import type { LivePolicy } from './policy/reload.ts'
import type { Stages } from './stages.ts'
import type { Broker } from './token/broker.ts'
import { CLOUDS } from './vocabulary/clouds.ts'

export interface FrontOptions extends Pick<Pipeline, 'make' | 'refuse'> {
  readonly config: Config
  readonly checkInbound: Stages['checkInbound']
  readonly policy: Pick<LivePolicy, 'current'>
  readonly denyList: Pick<DenyList, 'denies'>
  readonly identify: Pick<Identify, 'identify'>
  readonly broker: Pick<Broker, 'token'>
  readonly secrets: (source: SecretSource) => string
  readonly log: Pick<Logger, 'warn'>
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

const MIN_KEY_CHARACTERS = 32

/** @throws Error for keys that cannot be used */
export function createFront(options: FrontOptions): Console {
  const { config, checkInbound, policy, denyList, identify, broker, secrets, make, refuse, now } =
    options
  const { publicUrl } = config.listen
  const site = { publicUrl, help: config.help ?? null }
  if (config.console === undefined) return createFirstPage({ site, checkInbound, refuse })
  const seals = createSeals(keysOf(options))
  checkSigningKeys(options)
  return createConsole({
    site,
    sessions: createSessions({
      seals,
      countingGroups: (principal) => countingGroups(policy.current(), principal),
      policyVersion: () => policy.current().version,
      now,
    }),
    signIn: createSignIn({
      issuers: config.issuers,
      publicUrl,
      seals,
      secrets,
      exchangeScope: CLOUDS[config.cloud.name].exchangeScope,
      tokenOf: async (identity, scope) => (await broker.token(identity, scope)).token,
      identify: (accessToken) =>
        identify.identify({
          method: 'GET',
          url: '/',
          rawHeaders: ['authorization', `Bearer ${accessToken}`],
        }),
      timeoutMs: config.limits.issuerTimeoutMs,
      now,
    }),
    formTokens: createFormTokens(seals, now),
    denyList,
    checkInbound,
    make,
    refuse,
    now,
  })
}

function keysOf({ config, secrets, log }: FrontOptions): readonly Buffer[] {
  const sources = config.console?.cookieKeys
  if (sources === undefined) {
    log.warn(
      { key: 'console.cookieKeys' },
      'sessions of the console are known to this replica alone, until it ends',
    )
    return [randomBytes(32)]
  }
  return sources.map((source, index) => {
    const secret = secrets(source)
    if (secret.length < MIN_KEY_CHARACTERS)
      throw new Error(`console.cookieKeys[${index}] has less than ${MIN_KEY_CHARACTERS} characters`)
    return Buffer.from(secret)
  })
}

/** A key that cannot be used is told at the start, and not to the first person who signs in. */
function checkSigningKeys({ config, secrets }: FrontOptions): void {
  for (const [index, { console }] of config.issuers.entries()) {
    if (console === undefined || !('privateKey' in console.authentication)) continue
    try {
      signingKey(secrets(console.authentication.privateKey))
    } catch {
      throw new Error(
        `issuers[${index}].console.authentication.privateKey is no RSA or EC P-256 private key in PEM`,
      )
    }
  }
}
