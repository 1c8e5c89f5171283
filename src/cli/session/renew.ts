/**
 * Renews the tokens of a session at its issuer.
 * @module
 */
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { refresh } from '../sign-in/issuer.ts'
import { createNetwork } from '../sign-in/network.ts'
import type { Session } from './store.ts'

/** A token with less than this to live is not used. */
const USABLE_MS = 30_000

/** The session with new tokens, or the same if it can still be used. Call it under the lock. @throws Problem if it has ended */
export async function renew(io: Io, session: Session): Promise<Session> {
  const { refreshToken } = session
  const usable = session.expiresAt - io.now() >= USABLE_MS
  if (refreshToken === null) {
    if (usable) return session
    throw ended(session)
  }
  const network = await createNetwork(session.caFile, io.signal)
  try {
    const tokens = await refresh(session, refreshToken, { fetch: network.fetch, now: io.now })
    return { ...session, ...tokens, who: tokens.who ?? session.who }
  } catch (error) {
    if (!usable) throw error
    io.err(
      `the token could not be refreshed and ends soon: ${error instanceof Error ? error.message : 'failed'}`,
    )
    return session
  } finally {
    await network.close()
  }
}

function ended({ gateway }: Session): Problem {
  return new Problem(
    'the sign-in has ended, and the issuer gave nothing to renew it with',
    `sign in again: azureml-harness login --gateway ${gateway}`,
  )
}
