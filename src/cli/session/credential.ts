/**
 * A fresh token for the gateway: of the person who signed in, or of the compute that the command runs on.
 * @module
 */
import { resolve } from 'node:path'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { gatewayOrigin } from '../sign-in/gateway-origin.ts'
import { openHomeOrTemporary, withLock } from './home.ts'
import { findEndpoint } from './endpoint.ts'
import { findSession, readSessions, replaceSession, writeSessions, type Session } from './store.ts'

/** Which gateway, as `--gateway` and `--ca` say. */
export interface Wanted {
  readonly gateway?: string | undefined
  readonly ca?: string | undefined
  /** A change of what the gateway publishes is confirmed; absent is no. */
  readonly acceptChange?: boolean | undefined
}

export interface Credential {
  /** The gateway's origin. */
  readonly gateway: string
  readonly caFile: string | null
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly source: 'session' | 'managed-identity'
  /** Where files for this credential may be written. */
  readonly home: string
}

/** Azure's clients ask for another token when one has less than this to live. */
const FRESH_MS = 300_000

/** The gateway that the options or the environment name, or null for the default session's. @throws Problem */
export function wantedGateway(io: Io, { gateway }: Pick<Wanted, 'gateway'>): string | null {
  const given = gateway ?? io.env['AZUREML_HARNESS_GATEWAY'] ?? ''
  return given === '' ? null : gatewayOrigin(given)
}

/** The certificates that the options or the environment name, as an absolute path. */
export function wantedCa(io: Io, { ca }: Pick<Wanted, 'ca'>): string | null {
  const given = ca ?? io.env['AZUREML_HARNESS_CA'] ?? ''
  return given === '' ? null : resolve(io.cwd, given)
}

/** A token with at least five minutes to live, if there is any way to get one. @throws Problem with the way to sign in */
export async function freshCredential(io: Io, wanted: Wanted): Promise<Credential> {
  const home = await openHomeOrTemporary(io.env)
  const gateway = wantedGateway(io, wanted)
  const session = findSession(await readSessions(home), gateway)
  if (session !== null) return fromSession(io, home, session)
  const endpoint = findEndpoint(io.env)
  if (endpoint !== null && gateway !== null) {
    const { fromCompute } = await import('./managed-identity.ts')
    return fromCompute(io, endpoint, { ...wanted, home, gateway })
  }
  if (endpoint !== null)
    throw new Problem(
      'no gateway is named',
      'give --gateway URL, or set AZUREML_HARNESS_GATEWAY in the job’s environment',
    )
  throw new Problem(
    gateway === null ? 'nobody is signed in' : `nobody is signed in at ${gateway}`,
    `sign in: azureml-harness login --gateway ${gateway ?? 'URL'}`,
  )
}

async function fromSession(io: Io, home: string, known: Session): Promise<Credential> {
  if (left(io, known) >= FRESH_MS) return credentialOf(known, home)
  const session = await withLock(home, io.signal, async () => {
    const sessions = await readSessions(home)
    // another process may have refreshed while this one waited
    const latest = findSession(sessions, known.gateway)
    if (latest === null)
      throw new Problem('somebody has signed out', 'sign in: azureml-harness login')
    if (left(io, latest) >= FRESH_MS) return latest
    // a token that is still fresh needs neither network nor OpenID client: they are loaded here
    const { renew } = await import('./renew.ts')
    const fresh = await renew(io, latest)
    await writeSessions(home, replaceSession(sessions, fresh, false))
    return fresh
  })
  return credentialOf(session, home)
}

function credentialOf(
  { gateway, caFile, accessToken, expiresAt }: Session,
  home: string,
): Credential {
  return { gateway, caFile, token: accessToken, expiresAt, source: 'session', home }
}

const left = (io: Io, session: Session): number => session.expiresAt - io.now()
