/**
 * `login`: signs a person in at the gateway's issuer, and stores the tokens.
 * @module
 */
import { PROFILES } from '../../identity/issuers/profiles/profiles.ts'
import type { ProfileName } from '../../vocabulary/profiles.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem, UsageError } from '../problem.ts'
import { chooseIssuer, findIssuers, type Advertised } from '../sign-in/advertised.ts'
import { isMicrosoftScope } from '../sign-in/microsoft.ts'
import { signInByBrowser, signInByDevice, type Registration } from '../sign-in/issuer.ts'
import { createNetwork } from '../sign-in/network.ts'
import { hasBrowser, openBrowser } from '../sign-in/open-browser.ts'
import { wantedCa, wantedGateway } from './credential.ts'
import { homeOf, openHome, withLock } from './home.ts'
import { checkPublished } from './published.ts'
import { sayPlaces } from './workspaces.ts'
import { readSessions, replaceSession, writeSessions, type Session } from './store.ts'

export interface LoginOptions {
  readonly gateway?: string | undefined
  readonly ca?: string | undefined
  readonly acceptChange?: true | undefined
  readonly issuer?: string | undefined
  readonly flow?: 'browser' | 'device' | undefined
  readonly clientId?: string | undefined
  readonly scope?: string[] | undefined
  readonly port?: number | undefined
  /** Whether to open a browser, or only to print the URL. */
  readonly open: boolean
  readonly output: Output
}

export async function login(options: LoginOptions, io: Io): Promise<number> {
  const { flow } = options
  const gateway = wantedGateway(io, options)
  if (gateway === null)
    throw new UsageError('--gateway URL is needed: ask who runs the gateway for it')
  const home = homeOf(io.env)
  await openHome(home)
  const caFile = wantedCa(io, options)
  const network = await createNetwork(caFile, io.signal)
  try {
    const issuers = await findIssuers(gateway, network.fetch)
    const chosen = chooseIssuer(issuers, options.issuer, options.clientId !== undefined)
    await checkPublished({
      home,
      gateway,
      issuers,
      chosen,
      confirmed: options.acceptChange === true,
      signal: io.signal,
      say: io.err,
    })
    const at = registrationOf(chosen, options.clientId, options.scope)
    const around = { fetch: network.fetch, now: io.now, signal: io.signal, say: io.err }
    const open = (url: string): void => {
      if (options.open) openBrowser(url, io.env)
    }
    const byBrowser = flow === 'browser' || (flow === undefined && hasBrowser(io.env))
    const tokens = byBrowser
      ? await signInByBrowser(at, { ...around, port: options.port ?? 0, open })
      : await signInByDevice(at, around)
    const session: Session = { ...at, ...tokens, gateway, caFile }
    await withLock(home, io.signal, async () =>
      writeSessions(home, replaceSession(await readSessions(home), session, true)),
    )
    report(session, options.output, io)
    if (options.output === 'table') await sayNext(io, options, session)
    return EXIT.ok
  } finally {
    await network.close()
  }
}

function registrationOf(
  { issuer, profile, clientId: published, scopes, audience }: Advertised,
  given: string | undefined,
  scope: readonly string[] | undefined,
): Registration {
  const clientId = given ?? published
  if (clientId === null)
    throw new Problem(
      'the gateway publishes no client for that issuer',
      'give --client-id, or ask its operators to set issuers[].cli',
    )
  if (scope?.some((one) => isMicrosoftScope(one, { profile, issuer })) === true)
    throw new Problem(
      'a scope of --scope is one of Microsoft’s own services',
      'give a scope of the gateway’s application, for instance api://…/.default: its token goes to the gateway',
    )
  const wanted = scope ?? (scopes.length > 0 ? scopes : defaultScopes(profile, audience))
  return { issuer, profile, clientId, scopes: wanted }
}

function defaultScopes(profile: ProfileName, audience: string): readonly string[] {
  const scopes = PROFILES[profile].signIn.defaultScopes(audience)
  if (scopes !== null) return scopes
  throw new Problem('the gateway publishes no scopes for that issuer', 'give --scope')
}

function report(
  { gateway, issuer, who, expiresAt, refreshToken }: Session,
  output: Output,
  io: Io,
): void {
  if (output !== 'table') {
    const until = new Date(expiresAt).toISOString()
    const renewable = refreshToken !== null
    show(io, output, {
      json: () => ({ gateway, issuer, who, expiresAt: until, renewable }),
      table: () => [],
      tsv: () => [[gateway, issuer, who, until, renewable]],
    })
    return
  }
  io.err(`signed in${who === null ? '' : ` as ${who}`} at ${gateway}`)
  if (refreshToken === null) {
    io.err(
      `the issuer gave no refresh token: sign in again after ${new Date(expiresAt).toISOString()}`,
    )
  }
}

/** Where the person may work, and what to do there. */
async function sayNext(io: Io, { ca }: LoginOptions, { gateway }: Session): Promise<void> {
  await sayPlaces(io, { gateway, ca })
  io.err('next: azureml-harness exec --workspace NAME -- python train.py')
}
