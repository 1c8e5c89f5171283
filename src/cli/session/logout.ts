/**
 * `logout`: ends sign-ins, at the issuer where that is possible and on this machine always.
 * @module
 */
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { revoke } from '../sign-in/issuer.ts'
import { createNetwork } from '../sign-in/network.ts'
import { wantedGateway } from './credential.ts'
import { homeOf, openHome, withLock } from './home.ts'
import { findSession, readSessions, writeSessions, type Session } from './store.ts'

export interface LogoutOptions {
  readonly gateway?: string | undefined
  readonly all?: true | undefined
  readonly output: Output
}

export async function logout(options: LogoutOptions, io: Io): Promise<number> {
  const gateway = wantedGateway(io, options)
  const home = homeOf(io.env)
  await openHome(home)
  const ended = await withLock(home, io.signal, async () => {
    const sessions = await readSessions(home)
    const one = findSession(sessions, gateway)
    const leaving = options.all === true ? sessions : one === null ? [] : [one]
    await writeSessions(
      home,
      sessions.filter((session) => !leaving.includes(session)),
    )
    return leaving
  })
  const results: Ended[] = []
  for (const session of ended) results.push(await end(session, io))
  if (results.length === 0) io.err('nobody was signed in')
  show(io, options.output, {
    json: () => ({ sessions: results }),
    table: () => [],
    tsv: () => results.map((result) => [result.gateway, result.revoked]),
  })
  return results.some(({ revoked }) => revoked === 'failed') ? EXIT.failed : EXIT.ok
}

interface Ended {
  readonly gateway: string
  readonly revoked: 'yes' | 'impossible' | 'failed'
}

/** Deleted before it is revoked: an issuer that does not answer keeps nobody signed in here. */
async function end(session: Session, io: Io): Promise<Ended> {
  const { gateway, expiresAt } = session
  try {
    const network = await createNetwork(session.caFile, io.signal)
    try {
      const told = await revoke(session, session, network.fetch)
      io.err(
        told
          ? `signed out at ${gateway}`
          : `signed out at ${gateway} on this machine; its issuer cannot revoke, so the token ends by itself at ${new Date(expiresAt).toISOString()}`,
      )
      return { gateway, revoked: told ? 'yes' : 'impossible' }
    } finally {
      await network.close()
    }
  } catch (error) {
    io.err(
      `signed out at ${gateway} on this machine, but the issuer was not told: ${error instanceof Error ? error.message : 'failed'}`,
    )
    return { gateway, revoked: 'failed' }
  }
}
