/**
 * oauth2-proxy with bearer tokens: OpenID Connect's checks of each call's token, and a line of its log.
 */
import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { AUDIENCE_GUID } from '../../lab/personas.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { isInstalled, run, type Peer } from './peer.ts'

/** Where bench/peers/install.sh puts it, or anywhere on the path. */
const PROGRAMS = [resolve(import.meta.dirname, '../../.clients/peers/oauth2-proxy'), 'oauth2-proxy']

export const OAUTH2_PROXY: Peer = {
  name: 'oauth2-proxy',
  does: 'signature, issuer, audience and end of each token, a line of log',
  async start(world) {
    const program = PROGRAMS.find((one) => isInstalled(one, ['--version']))
    if (program === undefined)
      return { absent: 'oauth2-proxy is not installed; bench/peers/install.sh builds it' }
    const port = await freePort()
    const { certificates, issuers } = world.lab
    const options = {
      'http-address': '',
      'https-address': `127.0.0.1:${port}`,
      'tls-cert-file': certificates.certFile,
      'tls-key-file': certificates.keyFile,
      upstream: `${world.upstream.url}/`,
      provider: 'oidc',
      'oidc-issuer-url': issuers.entra.url,
      'provider-ca-file': certificates.caFile,
      'client-id': AUDIENCE_GUID,
      'client-secret': 'not-used',
      'cookie-secret': randomBytes(16).toString('hex'),
      'email-domain': '*',
      'skip-jwt-bearer-tokens': 'true',
    }
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    return run(world, program, args, port)
  },
}
