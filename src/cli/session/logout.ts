/**
 * `logout`: ends sign-ins, at the issuer where that is possible and on this machine always.
 * @module
 */
import { parseArgs } from 'node:util'
import { EXIT, type Command, type Io } from '../io.ts'
import { revoke } from '../sign-in/issuer.ts'
import { createNetwork } from '../sign-in/network.ts'
import { wantedGateway } from './credential.ts'
import { homeOf, openHome, withLock } from './home.ts'
import { findSession, readSessions, writeSessions, type Session } from './store.ts'

export const logout: Command = {
  summary: 'sign out, and revoke the tokens where the issuer can',
  help: `Usage: azureml-harness logout [--gateway URL | --all] [--json]

Tells the issuer to forget the session, then deletes it from this machine, whatever the issuer says.
Entra ID cannot revoke: there, an access token lasts until its own end, about an hour.

  --gateway URL   of which gateway; the one of the last login if absent
  --all           of all gateways
  --json          one object on standard output: {"sessions": [{"gateway", "revoked"}]}

Exit status: 0 signed out, 1 deleted here but not revoked although the issuer could, 2 wrong arguments.
Example: azureml-harness logout --all`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        gateway: { type: 'string' },
        all: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    })
    if (values.all === true && values.gateway !== undefined) {
      io.err('logout takes --gateway or --all, not both')
      return EXIT.usage
    }
    const gateway = wantedGateway(io, { gateway: values.gateway })
    const home = homeOf(io.env)
    await openHome(home)
    const ended = await withLock(home, io.signal, async () => {
      const sessions = await readSessions(home)
      const one = findSession(sessions, gateway)
      const leaving = values.all === true ? sessions : one === null ? [] : [one]
      await writeSessions(
        home,
        sessions.filter((session) => !leaving.includes(session)),
      )
      return leaving
    })
    const results = []
    for (const session of ended) results.push(await end(session, io))
    if (values.json === true) io.out(JSON.stringify({ sessions: results }))
    else if (results.length === 0) io.err('nobody was signed in')
    return results.some(({ revoked }) => revoked === 'failed') ? EXIT.failed : EXIT.ok
  },
}

/** Deleted before it is revoked: an issuer that does not answer keeps nobody signed in here. */
async function end(
  session: Session,
  io: Io,
): Promise<{ gateway: string; revoked: 'yes' | 'impossible' | 'failed' }> {
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
