/**
 * A home of the command line in which somebody is signed in at a gateway of the lab.
 * @module
 */
import { openHome } from '../../../src/cli/session/home.ts'
import { writeSessions } from '../../../src/cli/session/store.ts'
import type { World } from '../../support/gateway.ts'

/** @param caFile that the login was told to trust; null if none */
export async function signIn(
  home: string,
  world: World,
  persona = 'scientist',
  caFile: string | null = world.lab.certificates.caFile,
): Promise<void> {
  await openHome(home)
  await writeSessions(home, [
    {
      gateway: world.url,
      issuer: world.lab.issuers.entra.url,
      profile: 'entra',
      clientId: 'x',
      scopes: [],
      accessToken: await world.lab.token(persona),
      expiresAt: Date.now() + 3_600_000,
      refreshToken: null,
      who: persona,
      caFile,
    },
  ])
}
