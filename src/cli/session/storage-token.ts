/**
 * Tokens for Azure Storage: a person's own, obtained with the sign-in at Entra ID, or those of the compute's identity.
 *
 * They never pass the gateway, which has no part in calls to storage.
 * @module
 */
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { offersStorage } from '../sign-in/advertised.ts'
import type { Tokens } from '../sign-in/issuer.ts'
import { createNetwork, type Fetch } from '../sign-in/network.ts'
import type { Credential } from './credential.ts'
import { findEndpoint } from './endpoint.ts'
import { withLock } from './home.ts'
import { fetchIdentityToken } from './managed-identity.ts'
import { findSession, readSessions, replaceSession, writeSessions, type Session } from './store.ts'

/** The audience of storage in every cloud of Azure's. */
export const STORAGE = 'https://storage.azure.com'
/** The application that it is: Entra may name either as the audience. */
const APPLICATION = 'e406a681-f3d4-42a8-90b6-c2b029497af1'
/** Clients ask for another token when one has less than this to live. */
const FRESH_MS = 300_000

/** A token and its end, in milliseconds since the epoch. */
export interface StorageToken {
  readonly token: string
  readonly expiresAt: number
}

/** A function that gives a fresh token each time. @throws Problem if the caller cannot have one */
export function createStorageTokens(io: Io, credential: Credential): () => Promise<StorageToken> {
  let last: Promise<StorageToken> | null = null
  return async () => {
    const known = await last?.catch(() => null)
    if (known != null && known.expiresAt - io.now() >= FRESH_MS) return known
    last = fetchToken(io, credential)
    return last
  }
}

async function fetchToken(io: Io, { source, home, gateway, caFile }: Credential) {
  const network = await createNetwork(caFile, io.signal)
  try {
    const endpoint = source === 'managed-identity' ? findEndpoint(io.env) : null
    return endpoint === null
      ? await ofPerson(io, { home, gateway, fetch: network.fetch })
      : await fetchIdentityToken(endpoint, STORAGE, network.fetch)
  } finally {
    await network.close()
  }
}

interface SignedIn {
  readonly home: string
  readonly gateway: string
  readonly fetch: Fetch
}

async function ofPerson(io: Io, { home, gateway, fetch }: SignedIn): Promise<StorageToken> {
  return withLock(home, io.signal, async () => {
    const sessions = await readSessions(home)
    const session = findSession(sessions, gateway)
    if (session === null) throw new Problem('somebody has signed out', SIGN_IN)
    if (!(await offersStorage(gateway, session.issuer, fetch)))
      throw new Problem(
        `your sign-in gives tokens for ${gateway} only`,
        `for ${STORAGE}, use a credential of its own, such as AzureCliCredential, or ask the gateway's operators to set issuers[].cli.storage`,
      )
    const { refreshToken } = session
    if (refreshToken === null)
      throw new Problem('the issuer gave nothing to ask for a token for storage with', SIGN_IN)
    const tokens = await askFor(session, refreshToken, { fetch, now: io.now })
    // an issuer that rotates has ended the one before
    const kept: Session = { ...session, refreshToken: tokens.refreshToken }
    if (tokens.refreshToken !== refreshToken)
      await writeSessions(home, replaceSession(sessions, kept, false))
    if (!(await isForStorage(tokens.accessToken)))
      throw new Problem(
        `${session.issuer} gave a token that is not for ${STORAGE}`,
        'use a credential of its own for storage, such as AzureCliCredential',
      )
    return { token: tokens.accessToken, expiresAt: tokens.expiresAt }
  })
}

const SIGN_IN = 'sign in again: azureml-harness login'

async function askFor(
  session: Session,
  refreshToken: string,
  around: { readonly fetch: Fetch; readonly now: () => number },
): Promise<Tokens> {
  // most commands of exec never ask for storage: what this needs is loaded here
  const { refresh } = await import('../sign-in/issuer.ts')
  try {
    return await refresh({ ...session, scopes: [`${STORAGE}/.default`] }, refreshToken, around)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    throw new Problem(
      `there is no token for ${STORAGE}: ${error.message}`,
      `${error.next}; if that does not help, ask the gateway's operators whether its client has the permission user_impersonation of Azure Storage`,
      error,
    )
  }
}

/** A token for anything else would be shown to a service that it is not for. */
async function isForStorage(token: string): Promise<boolean> {
  const { decodeJwt } = await import('jose')
  try {
    const { aud } = decodeJwt(token)
    return typeof aud === 'string' && [STORAGE, APPLICATION].includes(aud.replace(/\/$/u, ''))
  } catch {
    return false
  }
}
