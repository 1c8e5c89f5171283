/**
 * `login`: signs a person in at the gateway's issuer, and stores the tokens.
 * @module
 */
import { parseArgs } from 'node:util'
import { PROFILES } from '../../identity/issuers/profiles/profiles.ts'
import type { ProfileName } from '../../vocabulary/profiles.ts'
import { EXIT, type Command, type Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { chooseIssuer, findIssuers, type Advertised } from '../sign-in/advertised.ts'
import { isMicrosoftScope } from '../sign-in/microsoft.ts'
import { signInByBrowser, signInByDevice, type Registration } from '../sign-in/issuer.ts'
import { createNetwork } from '../sign-in/network.ts'
import { hasBrowser, openBrowser } from '../sign-in/open-browser.ts'
import { wantedCa, wantedGateway } from './credential.ts'
import { homeOf, openHome, withLock } from './home.ts'
import { checkPublished } from './published.ts'
import { readSessions, replaceSession, writeSessions, type Session } from './store.ts'

const OPTIONS = {
  gateway: { type: 'string' },
  issuer: { type: 'string' },
  flow: { type: 'string' },
  'client-id': { type: 'string' },
  scope: { type: 'string', multiple: true },
  ca: { type: 'string' },
  port: { type: 'string' },
  'no-open': { type: 'boolean' },
  'accept-change': { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export const login: Command = {
  summary: 'sign in at a gateway, with Okta or Entra ID',
  help: `Usage: azureml-harness login --gateway URL [options]

Asks the gateway who issues its tokens and signs you in there. The other commands then use it: token, env, exec.

  --gateway URL     the gateway, e.g. https://ml.contoso.example; AZUREML_HARNESS_GATEWAY if absent
  --issuer NAME     which issuer, by its name at the gateway or its URL; needed if there are several
  --flow FLOW       browser: opens one on this machine. device: shows a code to enter on any device.
                    Absent: browser if this machine has one that you can see, else device
  --client-id ID    the command line's client at the issuer, if the gateway does not publish it
  --scope SCOPE     scopes to ask for, repeated, if the gateway does not publish them
  --ca FILE         certificates (PEM) to trust besides the usual ones; AZUREML_HARNESS_CA if absent
  --port N          port of the browser's way back, if the issuer wants a fixed one; else any free one
  --no-open         only print the URL, do not open a browser
  --accept-change   trust what the gateway publishes now, if that has changed since it was first used here
  --json            one object on standard output: {"gateway", "issuer", "who", "expiresAt", "renewable"}

Tokens are kept in $AZUREML_HARNESS_HOME (or ~/.config/azureml-harness), readable by you only.
Redirect URIs to register: http://localhost/callback at Entra ID, http://127.0.0.1:PORT/callback at Okta.

Exit status: 0 signed in, 1 not, 2 wrong arguments.
Example: azureml-harness login --gateway https://ml.contoso.example --flow device`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    const { flow } = values
    const port = Number(values.port ?? 0)
    if (flow !== undefined && flow !== 'browser' && flow !== 'device') {
      io.err('--flow is "browser" or "device"')
      return EXIT.usage
    }
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      io.err('--port needs a port number')
      return EXIT.usage
    }
    const gateway = wantedGateway(io, { gateway: values.gateway })
    if (gateway === null) {
      io.err('login needs --gateway URL: ask who runs the gateway for it')
      return EXIT.usage
    }
    const home = homeOf(io.env)
    await openHome(home)
    const caFile = wantedCa(io, { ca: values.ca })
    const network = await createNetwork(caFile, io.signal)
    try {
      const issuers = await findIssuers(gateway, network.fetch)
      const chosen = chooseIssuer(issuers, values.issuer, values['client-id'] !== undefined)
      await checkPublished({
        home,
        gateway,
        issuers,
        chosen,
        confirmed: values['accept-change'] === true,
        signal: io.signal,
        say: io.err,
      })
      const at = registrationOf(chosen, values['client-id'], values.scope)
      const around = { fetch: network.fetch, now: io.now, signal: io.signal, say: io.err }
      const open = (url: string): void => {
        if (values['no-open'] !== true) openBrowser(url, io.env)
      }
      const byBrowser = flow === 'browser' || (flow === undefined && hasBrowser(io.env))
      const tokens = byBrowser
        ? await signInByBrowser(at, { ...around, port, open })
        : await signInByDevice(at, around)
      const session: Session = { ...at, ...tokens, gateway, caFile }
      await withLock(home, io.signal, async () =>
        writeSessions(home, replaceSession(await readSessions(home), session, true)),
      )
      report(session, values.json === true, io)
      return EXIT.ok
    } finally {
      await network.close()
    }
  },
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
  json: boolean,
  io: Io,
): void {
  if (json) {
    const until = new Date(expiresAt).toISOString()
    io.out(
      JSON.stringify({ gateway, issuer, who, expiresAt: until, renewable: refreshToken !== null }),
    )
    return
  }
  io.err(`signed in${who === null ? '' : ` as ${who}`} at ${gateway}`)
  if (refreshToken === null) {
    io.err(
      `the issuer gave no refresh token: sign in again after ${new Date(expiresAt).toISOString()}`,
    )
  }
  io.err('next: azureml-harness exec --workspace ID -- python train.py')
}
