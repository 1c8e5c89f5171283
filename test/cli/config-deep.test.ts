/** `config check --deep`: a sound configuration is found sound, and each fault is one line with its key and the next step. */
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { takeLock } from '../../src/audit/spool/lock-file.ts'
import {
  APP,
  BINDINGS,
  checked,
  ENTRA,
  other,
  pem,
  TENANT,
  WS,
  type Place,
} from './support/deployment.ts'

const DAY_MS = 86_400_000

t.test('a sound configuration has no fault, and nothing is left behind', async (t) => {
  const { status, out, err } = await checked(t)
  t.equal(err, '')
  t.equal(status, 0)
  t.match(out, /harness\.yaml is valid/)
  t.notMatch(out, 'warning')
  t.notOk((await readdir(t.testdirName)).includes('var'), 'the spool is made by "serve"')
})

t.test('a spool that is there keeps what is in it', async (t) => {
  const { status, err } = await checked(t, async ({ path }) => {
    await mkdir(path('var/spool'), { recursive: true, mode: 0o700 })
    await writeFile(path('var/spool/x'), '')
  })
  t.equal(status, 0, err)
  t.same(await readdir(join(t.testdirName, 'var/spool')), ['x'])
})

/** The fault, what is changed, and what the line says: key, fault, next step. */
const FAULTS: readonly (readonly [
  name: string,
  change: (place: Place) => unknown,
  line: RegExp,
])[] = [
  [
    'the certificate is missing',
    ({ set }) => set('listen.tls.certFile', 'tls/none.pem'),
    /listen\.tls\.certFile: cannot be read: "\S+none\.pem" does not exist -> check the path/,
  ],
  [
    'the certificate is none',
    ({ write }) => write('tls/server.pem', 'no'),
    /listen\.tls\.certFile: is no PEM certificate -> give/,
  ],
  [
    'the key is none',
    ({ write }) => write('tls/server-key.pem', 'no'),
    /listen\.tls\.keyFile: is no private key in PEM\b.* -> /,
  ],
  [
    'the key is that of another certificate',
    ({ path }) => copyFile(other('server-key.pem'), path('tls/server-key.pem')),
    /listen\.tls\.keyFile: is not the key of the certificate in listen\.tls\.certFile -> /,
  ],
  [
    'everybody may use the key',
    ({ path }) => chmod(path('tls/server-key.pem'), 0o644),
    /listen\.tls\.keyFile: "\S+" can be used by others than its owner and group \(644\) -> chmod 600 \S+$/m,
  ],
  [
    'the certificate is cut off',
    async ({ path, write }) =>
      write('tls/server.pem', (await readFile(path('tls/server.pem'), 'utf8')).slice(0, 200)),
    /listen\.tls\.certFile: is no PEM certificate -> give/,
  ],
  [
    'the authority of client certificates is cut off',
    async ({ set, path, write }) => {
      set('listen.tls.clientCertificates', { caFile: 'tls/ca.pem' })
      await write('tls/ca.pem', (await readFile(path('tls/ca.pem'), 'utf8')).slice(0, 200))
    },
    /listen\.tls\.clientCertificates\.caFile: "ca\.pem" is not whole, or is not PEM -> /,
  ],
  [
    'the certificate is for another name',
    ({ set }) => set('listen.publicUrl', 'https://gw.contoso.example:8443'),
    /listen\.publicUrl: the certificate in listen\.tls\.certFile is not for "gw\.contoso\.example": clients refuse it -> .*DNS:gw\.contoso\.example/,
  ],
  [
    'the certificate is not for a further host',
    ({ set }) => set('listen.hosts', ['ml.internal.example:8443']),
    /listen\.hosts\[0\]: .*not for "ml\.internal\.example"/,
  ],
  [
    'everybody may change the bindings',
    ({ path }) => chmod(path('policies/bindings.yaml'), 0o666),
    /policies\.bindings: "\S+bindings\.yaml" can be changed by every user of this machine \(666\) -> chmod o-w/,
  ],
  [
    'the review key is of another kind',
    ({ write }) => write('review-key.pem', pem('ec')),
    /approvals\.keys\[0\]: is no Ed25519 private key in PEM -> make one: openssl genpkey/,
  ],
  [
    'the key of checkpoints is of another kind',
    ({ write }) => write('checkpoint.pem', pem('ec')),
    /audit\.spool\.signingKeyFile: "\S+" is not an Ed25519 key -> /,
  ],
  [
    'the key of checkpoints is missing',
    ({ set }) => set('audit.spool.signingKeyFile', 'none.pem'),
    /audit\.spool\.signingKeyFile: "\S+none\.pem" cannot be read \(ENOENT\) -> /,
  ],
  [
    'a key can be guessed',
    ({ write }) => write('operation-key', 'short'),
    /operationKey: has less than 32 characters -> make one: openssl rand/,
  ],
  [
    'a secret is open to others',
    ({ path }) => chmod(path('operation-key'), 0o644),
    /operationKey: file \S+ is open to others than its owner; chmod 600 it -> /,
  ],
  [
    'a policy does not parse',
    ({ write }) => write('policies/secrets.cedar', 'permit (', 0o644),
    /policies\.directory: secrets\.cedar:1: .* -> /,
  ],
  [
    'policies name an identity that there is not',
    ({ set }) => set('identities.ml-writer', undefined),
    /policies\.directory: \S+:\d+: .*"ml-writer".* -> /,
  ],
  [
    'a case of the policies fails',
    ({ write }) =>
      write(
        'policies/wrong.tests.yaml',
        `workspace: ${WS}\nbindings: [{ id: b, template: reader, principal: 'Group::"entra/g"', resource: 'Workspace::"${WS}"' }]\nprincipals: { one: { groups: [entra/g] } }\ncases: [{ who: one, does: workspaces/jobs/delete, decision: permit }]\n`,
        0o644,
      ),
    /policies\.directory: wrong\.tests\.yaml: .* -> .*policy test/,
  ],
  [
    'no binding reaches the workspace',
    ({ set }) => set('cloud.regions', { [`${WS}-2`]: 'westeurope' }),
    /cloud\.regions: no binding in force reaches \/subscriptions\S+research-2 -> bind a template/,
  ],
  [
    'nobody is bound',
    ({ write }) =>
      write('policies/bindings.yaml', 'identities: [ml-reader, ml-writer]\nbindings: []\n', 0o644),
    /policies\.bindings: binds nobody: every call is refused -> add a binding/,
  ],
  [
    'a binding has the id of an example',
    ({ write }) =>
      write(
        'policies/bindings.yaml',
        BINDINGS.replace(TENANT, '00000000-0000-0000-0000-000000000000'),
        0o644,
      ),
    /policies\.bindings: bindings\.yaml:3: binding "scientists" has the id of an example.* -> write/,
  ],
  [
    'the spool cannot be made',
    ({ set }) => set('audit.spool.directory', '/proc/spool'),
    /audit\.spool\.directory: "\/proc\/spool" cannot be made \(\w+\) -> make it/,
  ],
  [
    'the spool is a file',
    ({ set }) => set('audit.spool.directory', 'operation-key'),
    /audit\.spool\.directory: is no directory -> /,
  ],
  [
    'the spool is in use',
    async ({ path }) => {
      await mkdir(path('var/spool'), { recursive: true, mode: 0o700 })
      const lock = takeLock(path('var/spool/lock'))
      return () => lock.release()
    },
    /audit\.spool\.directory: the audit spool is in use by process \d+ .* -> stop that gateway/,
  ],
  [
    'everybody may write to the spool',
    async ({ path }) => {
      await mkdir(path('var/spool'), { recursive: true })
      await chmod(path('var/spool'), 0o777)
    },
    /audit\.spool\.directory: can be written by others \(777\): the gateway does not start -> chmod 700/,
  ],
  [
    'the port is in use',
    async ({ set }) => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      set('listen.port', typeof address === 'object' ? (address?.port ?? 0) : 0)
      return () => new Promise((closed) => server.close(closed))
    },
    /listen\.port: port \d+ of "127\.0\.0\.1" is in use by another process -> /,
  ],
  [
    'the port of the metrics is on another machine',
    ({ set }) => set('listen.metrics', { host: '192.0.2.1', port: 9464 }),
    /listen\.metrics\.host: "192\.0\.2\.1" is no address of this machine \(EADDRNOTAVAIL\) -> /,
  ],
  [
    'the issuer has a slash at its end',
    ({ set }) => set('issuers.0.issuer', `${ENTRA}/`),
    /issuers\[0\]\.issuer: ends with a slash.* -> write \S+v2\.0$/m,
  ],
  [
    'the issuer lacks its version',
    ({ set }) => set('issuers.0.issuer', `https://login.microsoftonline.com/${TENANT}`),
    /issuers\[0\]\.issuer: is not the "iss" of version 2 tokens.* -> write/,
  ],
  [
    'the issuer is the address of its discovery document',
    ({ set }) => set('issuers.0.issuer', `${ENTRA}/.well-known/openid-configuration`),
    /issuers\[0\]\.issuer: is the address of the discovery document.* -> write \S+\/v2\.0$/m,
  ],
  [
    'the issuer has a query',
    ({ set }) => set('issuers.0.issuer', `${ENTRA}?p=1`),
    /issuers\[0\]\.issuer: has a query or a fragment.* -> write \S+\/v2\.0$/m,
  ],
  [
    'the issuer is of another cloud',
    ({ set }) => set('cloud.name', 'AzureUSGovernment'),
    /issuers\[0\]\.issuer: is of another cloud than cloud\.name, AzureUSGovernment -> /,
  ],
  [
    'version 2 tokens have another audience',
    ({ set }) => set('issuers.0.audiences', ['https://ml.contoso.example']),
    /issuers\[0\]\.audiences: has no application id, which is what version 2 tokens have.* -> add the appId/,
  ],
  [
    'tokens are for a service of Microsoft',
    ({ set }) => set('issuers.0.audiences.2', 'https://ml.azure.com'),
    /issuers\[0\]\.audiences\[2\]: "https:\/\/ml\.azure\.com" is a service of Microsoft's.* -> register/,
  ],
  [
    'the command line asks for tokens of another application',
    ({ set }) => set('issuers.0.cli.scopes', ['api://other/user_impersonation']),
    /issuers\[0\]\.cli\.scopes: asks for tokens of "api:\/\/other".* -> add/,
  ],
  [
    'the command line asks for no scope of the gateway',
    ({ set }) => set('issuers.0.cli.scopes', ['openid', 'profile']),
    /issuers\[0\]\.cli\.scopes: names no scope of the gateway.* -> write/,
  ],
  [
    'an id is a name',
    ({ set }) => set('identities.ml-writer.clientId', 'ml-writer'),
    /identities\.ml-writer\.clientId: "ml-writer" is no GUID.* -> copy the id/,
  ],
  [
    'the token of a workload identity is missing',
    ({ set }) =>
      set('identities.ml-writer', {
        kind: 'workload-identity',
        tenantId: TENANT,
        clientId: APP,
        tokenFile: 'none',
      }),
    /identities\.ml-writer\.tokenFile: "\S+none" does not exist -> check the path/,
  ],
  [
    'the deny list has a line that says nothing',
    async ({ set, write }) => {
      set('denyListFile', 'deny.txt')
      await write('deny.txt', 'nobody\n', 0o644)
    },
    /denyListFile: the deny list: line 1 cannot be understood -> write a line/,
  ],
  [
    'the authority of a syslog sink is missing',
    ({ set }) =>
      set('audit.sinks.1', {
        name: 'syslog',
        kind: 'syslog',
        host: 'syslog.contoso.example',
        port: 6514,
        caFile: 'none.pem',
      }),
    /audit\.sinks\[1\]\.caFile: "\S+none\.pem" does not exist -> /,
  ],
]

for (const [name, change, line] of FAULTS)
  t.test(name, async (t) => {
    const { status, out, err } = await checked(t, change)
    t.equal(status, 1)
    t.equal(out, '')
    t.match(err, line)
    const lines = err.trimEnd().split('\n').slice(1)
    for (const one of lines) t.match(one, /^ {2}\S.*: .+ -> .+$/)
  })

t.test('what keeps the file from loading is told in the same form', async (t) => {
  const { status, err } = await checked(t, ({ set }) => {
    set('listen.prot', 1)
    set('audit.sinks.0.identity', 'nobody')
    set('issuers.0.audiences', undefined)
  })
  t.equal(status, 1)
  t.match(
    err,
    /the rest is looked at once it loads:\n {2}listen\.prot: is no known key; did you mean "port"\? \(line \d+, column 3\) -> mend it/,
  )
  t.match(err, /\n {2}issuers\[0\]\.audiences: is missing .* -> mend it/)
})

t.test('a certificate that has ended, and one that is not valid yet', async (t) => {
  const late = await checked(t, undefined, { now: () => Date.now() + 100 * DAY_MS })
  t.match(late, { status: 1, err: /listen\.tls\.certFile: ended on .* -> renew it/ })
  const early = await checked(t, undefined, { now: () => Date.now() - 100 * DAY_MS })
  t.match(early, { status: 1, err: /listen\.tls\.certFile: is not valid before .* -> / })
  const soon = await checked(t, undefined, { now: () => Date.now() + 80 * DAY_MS })
  t.match(soon, { status: 0, out: /warning: listen\.tls\.certFile: ends in \d+ days -> renew it/ })
})

t.test('all faults are told at once, in the three forms', async (t) => {
  const change = async ({ set, path, write }: Place): Promise<void> => {
    await copyFile(other('server-key.pem'), path('tls/server-key.pem'))
    await write('operation-key', 'short')
    set('issuers.0.audiences', ['https://ml.contoso.example'])
    set('audit.spool.directory', '/proc/spool')
    set('listen.host', '192.0.2.1')
  }
  const keys = [
    'issuers[0].audiences',
    'listen.tls.keyFile',
    'operationKey',
    'audit.spool.directory',
    'listen.host',
  ]
  const table = await checked(t, change)
  t.equal(table.err.trimEnd().split('\n').length, 1 + keys.length, table.err)
  const json = await checked(t, change, { args: ['--json'] })
  const parsed: { ok: boolean; faults: { key: string; message: string; next: string }[] } =
    JSON.parse(json.out)
  t.equal(parsed.ok, false)
  t.same(
    parsed.faults.map(({ key }) => key),
    keys,
  )
  const tsv = await checked(t, change, { args: ['-o', 'tsv'] })
  t.equal(tsv.out.trimEnd().split('\n').length, keys.length)
  t.notMatch(`${table.err}${json.out}${tsv.out}`, /short\b/, 'no secret is printed')
})

t.test('a certificate that clients would refuse is found without --deep, too', async (t) => {
  const key = await checked(
    t,
    ({ path }) => copyFile(other('server-key.pem'), path('tls/server-key.pem')),
    { plain: true },
  )
  t.match(key, { status: 1, err: /listen\.tls\.keyFile: is not the key of the certificate/ })
  const change = ({ set }: Place): void => set('listen.publicUrl', 'https://gw.contoso.example')
  const name = await checked(t, change, { plain: true })
  t.match(name, { status: 1, err: /listen\.publicUrl: .*is not for "gw\.contoso\.example"/ })
})

t.test('--deep and --file-only exclude each other', async (t) => {
  const { status, err } = await checked(t, undefined, { args: ['--file-only'] })
  t.match({ status, err }, { status: 2, err: /exclude each other/ })
})
