/**
 * The plain OIDC profile against a real Keycloak, where one lies in `.keycloak` (test/identity/support/keycloak.sh
 * brings it from Maven Central).
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { freePort } from '../../../lab/server/free-port.ts'
import { createDenyList } from '../../../src/identity/deny-list.ts'
import { createIdentify } from '../../../src/identity/identify.ts'
import { ISSUER_DEFAULTS } from '../../support/issuer-defaults.ts'

const HOME = resolve(import.meta.dirname, '../../../.keycloak')
const found = existsSync(HOME)
  ? readdirSync(HOME).find((name) => name.startsWith('keycloak-'))
  : undefined
const skip =
  found === undefined
    ? 'no Keycloak: test/identity/support/keycloak.sh brings it (Maven and Java 17)'
    : false

const AUDIENCE = 'api://azureml-harness'
const mapper = {
  name: 'audience',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-audience-mapper',
  config: {
    'included.custom.audience': AUDIENCE,
    'access.token.claim': 'true',
    'id.token.claim': 'true',
  },
}
const REALM = {
  realm: 'harness',
  enabled: true,
  sslRequired: 'none',
  clients: [
    {
      clientId: 'pipeline',
      secret: 'test-only',
      enabled: true,
      fullScopeAllowed: false,
      serviceAccountsEnabled: true,
      directAccessGrantsEnabled: true,
      protocolMappers: [mapper],
    },
  ],
  users: [
    {
      username: 'person',
      enabled: true,
      email: 'person@example.com',
      emailVerified: true,
      firstName: 'P',
      lastName: 'Q',
      credentials: [{ type: 'password', value: 'test-only' }],
    },
  ],
}

t.test(
  'tokens of a real Keycloak become principals, and its ID tokens do not',
  { skip },
  async (t) => {
    const home = join(HOME, found ?? '')
    mkdirSync(join(home, 'data/import'), { recursive: true })
    writeFileSync(join(home, 'data/import/harness.json'), JSON.stringify(REALM))
    const port = await freePort()
    const work = mkdtempSync(join(tmpdir(), 'keycloak-'))
    const args = [
      'start-dev',
      '--db=dev-mem',
      '--import-realm',
      '--http-host=127.0.0.1',
      `--http-port=${port}`,
    ]
    // a group of its own: the script starts Java, and both must end
    const server = spawn(join(home, 'bin/kc.sh'), args, {
      cwd: work,
      detached: true,
      stdio: 'ignore',
    })
    t.teardown(async () => {
      const ended = new Promise((done) => server.once('close', done))
      process.kill(-(server.pid ?? 0), 'SIGTERM')
      await ended
      rmSync(work, { recursive: true, force: true })
    })
    const issuer = `http://127.0.0.1:${port}/realms/harness`
    let up = false
    for (let tries = 0; tries < 400 && !up; tries += 1) {
      up = await fetch(`${issuer}/.well-known/openid-configuration`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (!up) await new Promise((done) => setTimeout(done, 500))
    }
    t.ok(up, 'it has started')

    const identify = createIdentify({
      issuers: [{ name: 'kc', profile: 'oidc', ...ISSUER_DEFAULTS, issuer, audiences: [AUDIENCE] }],
      publicUrl: 'https://gw.example.com',
      secrets: () => '',
      denyList: createDenyList({ file: null, log: () => undefined }),
      now: Date.now,
      graphToken: () => Promise.reject(new Error('not asked')),
      timeoutMs: 5_000,
      log: () => undefined,
    })
    t.teardown(() => identify.close())
    await identify.start()
    const grant = async (fields: Record<string, string>): Promise<Record<string, string>> => {
      const answer = await fetch(`${issuer}/protocol/openid-connect/token`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: 'pipeline', client_secret: 'test-only', ...fields }),
      })
      return (await answer.json()) as Record<string, string>
    }
    const call = (token: string | undefined) =>
      identify.identify({
        method: 'GET',
        url: '/',
        rawHeaders: ['Authorization', `Bearer ${token}`],
      })

    const person = await grant({
      grant_type: 'password',
      username: 'person',
      password: 'test-only',
      scope: 'openid',
    })
    const user = await call(person['access_token'])
    t.match(user, { kind: 'user', issuer: 'kc', client: 'pipeline' })
    t.match(user.id, /^kc\/[0-9a-f-]{36}$/, 'by the immutable subject, not by name or e-mail')
    await t.rejects(call(person['id_token']), { code: 'invalid_token' })

    const service = await call((await grant({ grant_type: 'client_credentials' }))['access_token'])
    t.match(service, { kind: 'service', issuer: 'kc', client: 'pipeline' })
    t.not(service.id, user.id)
  },
)
