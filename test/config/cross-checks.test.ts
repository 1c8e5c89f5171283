import t from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { GOOD, faultsOf, writeConfig } from './write.ts'

const ISSUER = '    audiences: [api://harness]\n'
const SPOOL = '    directory: /var/spool/harness\n'
const SINK = '    - { name: monitor,'

const KEY = 'https://v.vault.azure.net/keys/k/0123456789abcdef0123456789abcdef'
const CONTAINER = 'https://s.blob.core.windows.net/reviews'

const CONTRADICTIONS: [string, string, string, string][] = [
  [
    'a key of reviews under an identity that there is not',
    'listen:\n',
    `approvals: { keys: [{ keyVault: "${KEY}", identity: nobody }], ledger: { directory: r } }\nlisten:\n`,
    '1 approvals.keys[0].identity: names no entry of identities',
  ],
  [
    'a ledger under an identity that there is not',
    'listen:\n',
    `approvals: { keys: [{ fromFile: k.pem }], ledger: { container: "${CONTAINER}", identity: nobody } }\nlisten:\n`,
    '1 approvals.ledger.identity: names no entry of identities',
  ],
  [
    'no TLS and no word that there is none',
    '  tls: { certFile: tls/cert.pem, keyFile: tls/key.pem }\n',
    '',
    '1 listen.tls: is missing; bearer tokens need TLS, or dangerouslyPlainHttpBehindATlsTerminatingProxy: true',
  ],
  [
    'TLS and plain http',
    '  port: 8443',
    '  port: 8443\n  dangerouslyPlainHttpBehindATlsTerminatingProxy: true',
    '3 listen.dangerouslyPlainHttpBehindATlsTerminatingProxy: contradicts listen.tls; keep one of the two',
  ],
  [
    'a public URL that no client would send',
    'https://ml.contoso.example',
    'https://ML.contoso.example:443',
    '3 listen.publicUrl: must be an origin as clients send it, "https://ml.contoso.example"',
  ],
  [
    'metrics on the same port',
    '  port: 8443',
    '  port: 8443\n  metrics: { port: 8443 }',
    '3 listen.metrics.port: is the same as listen.port',
  ],
  [
    'a proxy that is no address',
    '  port: 8443',
    '  port: 8443\n  trustedProxies: { addresses: [10.0.0.0/8, proxy], by: proxy-protocol }',
    '3 listen.trustedProxies.addresses[1]: must be an address, or a network such as 10.0.0.0/8',
  ],
  [
    'every address as a proxy',
    '  port: 8443',
    '  port: 8443\n  trustedProxies: { addresses: [0.0.0.0/0], by: x-forwarded-for }',
    '3 listen.trustedProxies.addresses[0]: is every address: anybody could say where a call comes from',
  ],
  [
    'an issuer’s name twice',
    ISSUER,
    `${ISSUER}  - { name: entra, profile: okta, issuer: https://okta.example/oauth2/x, audiences: [a] }\n`,
    '12 issuers[1].name: is the same as issuers[0].name',
  ],
  [
    'an issuer’s URL twice',
    ISSUER,
    `${ISSUER}  - { name: again, profile: entra, issuer: https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0, audiences: [a] }\n`,
    '12 issuers[1].issuer: is the same as issuers[0].issuer',
  ],
  [
    'plain http elsewhere',
    ISSUER,
    `${ISSUER}  - { name: okta, profile: okta, issuer: http://okta.example/x, audiences: [a] }\n`,
    '12 issuers[1].issuer: must be https; plain http is for loopback addresses only',
  ],
  [
    'plain http to a host that only looks like loopback',
    ISSUER,
    `${ISSUER}  - { name: okta, profile: okta, issuer: http://127.0.0.1.evil.example/x, audiences: [a] }\n`,
    '12 issuers[1].issuer: must be https; plain http is for loopback addresses only',
  ],
  [
    'tokens for Azure Storage of another issuer than Entra ID',
    ISSUER,
    `${ISSUER}  - name: okta\n    profile: okta\n    issuer: https://okta.example/oauth2/x\n    audiences: [a]\n    cli: { clientId: c, scopes: [s], storage: true }\n`,
    '16 issuers[1].cli.storage: is for Entra ID alone: no other issuer has tokens for Azure Storage',
  ],
  [
    'a multi-tenant issuer without tenants',
    '11111111-1111-4111-8111-111111111111/v2.0',
    '{tenantid}/v2.0',
    '8 issuers[0].tenants: is missing; a multi-tenant issuer accepts the tenants listed here and no others',
  ],
  [
    'tenants without a multi-tenant issuer',
    ISSUER,
    `${ISSUER}    tenants: [11111111-1111-4111-8111-111111111111]\n`,
    '12 issuers[0].tenants: has a meaning only if issuer has {tenantid} in place of the tenant',
  ],
  [
    'Graph asked with an identity that is not there',
    ISSUER,
    `${ISSUER}    graph: { endpoint: https://graph.microsoft.com, identity: writr }\n`,
    '12 issuers[0].graph.identity: names no entry of identities; did you mean "writer"?',
  ],
  [
    'Graph asked on behalf of nobody',
    ISSUER,
    `${ISSUER}    graph: { endpoint: https://graph.microsoft.com, identity: caller }\n`,
    '12 issuers[0].graph.identity: must not be of kind on-behalf-of: there is no caller to act for',
  ],
  [
    'an identity federated by itself',
    'federatedBy: writer',
    'federatedBy: caller',
    '20 identities.caller.federatedBy: must not be of kind on-behalf-of: there is no caller to act for',
  ],
  ['a sink’s identity that is not there', 'identity: writer }', 'identity: __proto__ }', ''],
  [
    'a token endpoint without TLS',
    'federatedBy: writer',
    'federatedBy: writer\n    authorityHost: http://127.0.0.1:1',
    '21 identities.caller.authorityHost: must be an https URL',
  ],
  [
    'a sink’s name twice',
    SINK,
    `    - { name: monitor, kind: stdout }\n${SINK}`,
    '28 audit.sinks[1].name: is the same as audit.sinks[0].name',
  ],
  [
    'no sink that is required',
    SINK,
    `${SINK} required: false,`,
    '26 audit.sinks: must have one that is required: otherwise records may be dropped unshipped',
  ],
  [
    'a soft limit above the hard one',
    SPOOL,
    `${SPOOL}    softLimitBytes: 200000\n    hardLimitBytes: 100000\n`,
    '26 audit.spool.softLimitBytes: must be below hardLimitBytes',
  ],
  [
    'segments above the limit',
    SPOOL,
    `${SPOOL}    segmentBytes: 300000\n    hardLimitBytes: 200000\n`,
    '26 audit.spool.segmentBytes: must be below hardLimitBytes',
  ],
  [
    'a soft limit above the default of the hard one',
    SPOOL,
    `${SPOOL}    softLimitBytes: 5000000000\n`,
    '26 audit.spool.softLimitBytes: must be below hardLimitBytes',
  ],
  [
    'segments above the soft limit that follows from the hard one',
    SPOOL,
    `${SPOOL}    segmentBytes: 180000\n    hardLimitBytes: 200000\n`,
    '26 audit.spool.segmentBytes: must be below softLimitBytes',
  ],
  [
    'headers that may take longer than the request',
    'policies:',
    'limits: { headersTimeoutMs: 5000, requestTimeoutMs: 2000 }\npolicies:',
    '21 limits.headersTimeoutMs: must not be above requestTimeoutMs',
  ],
  [
    'a body that is larger than what may be held for one caller',
    'policies:',
    'limits: { bodyBytes: 100000000 }\npolicies:',
    '21 limits.bodyBytes: must not be above heldBytesPerPrincipal, 67108864',
  ],
  [
    'more for one caller than for all',
    'policies:',
    'limits: { answerBytes: 4000000, heldBytesPerPrincipal: 4194304, heldBytes: 4194303 }\npolicies:',
    '21 limits.heldBytesPerPrincipal: must not be above heldBytes, 4194303',
  ],
]

const SIGN_IN = `${ISSUER}    console: { clientId: c, scopes: [s], authentication: { federatedBy: writer } }\n`
const CONSOLES: [string, string, string[]][] = [
  [
    'a console that nobody can sign in to',
    `console: {}\n${GOOD}`,
    ['console: needs an issuer with "console" to sign in at'],
  ],
  [
    'a sign-in to no console',
    GOOD.replace(ISSUER, SIGN_IN),
    ['issuers[0].console: needs "console", which says that there are pages to sign in to'],
  ],
  [
    'a sign-in under an identity that acts for callers',
    `console: {}\n${GOOD.replace(ISSUER, SIGN_IN.replace('writer', 'caller'))}`,
    [
      'issuers[0].console.authentication.federatedBy: must not be of kind on-behalf-of: there is no caller to act for',
    ],
  ],
  ['a console', `console: {}\n${GOOD.replace(ISSUER, SIGN_IN)}`, []],
]

for (const [what, text, faults] of CONSOLES) {
  void t.test(`${what}: ${faults.length === 0 ? 'right' : 'refused'}`, async (st) => {
    const found = faults.length === 0 ? [] : await faultsOf(st, text)
    st.same(
      found.map((one) => one.replace(/^\d+:\d+ /u, '')),
      faults,
    )
    if (faults.length === 0) st.ok((await loadConfig(await writeConfig(st, text))).console)
  })
}

for (const [what, from, to, fault] of CONTRADICTIONS) {
  void t.test(`${what} is refused`, async (st) => {
    st.ok(GOOD.includes(from))
    const faults = await faultsOf(st, GOOD.replace(from, to))
    if (fault === '') st.match(faults, [/audit\.sinks\[0\]\.identity/])
    else
      st.same(
        faults.map((text) => text.replace(/:\d+/, '')),
        [fault],
      )
  })
}

void t.test('contradictions are reported together, in the order of the file', async (st) => {
  const text = GOOD.replace('  tls: { certFile: tls/cert.pem, keyFile: tls/key.pem }\n', '')
    .replace('federatedBy: writer', 'federatedBy: nobody')
    .replace(SINK, `${SINK} required: false,`)
  st.equal((await faultsOf(st, text)).length, 3)
})

void t.test(
  'a time-out that is stated alone does not contradict the default of the other',
  async (st) => {
    for (const limits of ['{ requestTimeoutMs: 2000 }', '{ headersTimeoutMs: 3600000 }']) {
      const text = GOOD.replace('policies:', `limits: ${limits}\npolicies:`)
      st.ok((await loadConfig(await writeConfig(st, text))).limits)
    }
  },
)

void t.test('plain http is accepted on loopback addresses, for a laboratory', async (st) => {
  for (const issuer of [
    'http://127.0.0.1:4000/x',
    'http://localhost:4000/x',
    'http://[::1]:4000',
  ]) {
    const text = GOOD.replace(
      ISSUER,
      `${ISSUER}  - { name: lab, profile: oidc, issuer: "${issuer}", audiences: [a] }\n`,
    )
    st.equal((await loadConfig(await writeConfig(st, text))).issuers[1]?.issuer, issuer)
  }
})
