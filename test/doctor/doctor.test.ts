/** The doctor finds the lab healthy, and each part of it ill when it is made so: where, what, and what to do next. */
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { writeGatewayConfig } from '../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../lab/lab.ts'
import type { PartName } from '../../lab/parts.ts'
import { IDENTITIES, TENANT } from '../../lab/personas.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { checkClock } from '../../src/doctor/issuers.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { run, start } from '../cli/support/run.ts'
import { ISSUER_DEFAULTS } from '../support/issuer-defaults.ts'

let lab: Lab
t.before(async () => {
  lab = await startLab({ directory: t.testdir(), port: 0 })
  setDefaultCACertificates([...getCACertificates('default'), lab.certificates.ca])
  // @azure/identity finds its endpoint in the process's environment
  Object.assign(process.env, lab.env)
})
t.teardown(() => lab.close())
t.afterEach(() => {
  for (const part of lab.parts.values()) part.faults.clear()
})

const GRAPH = 'https://graph.microsoft.com/.default'

type Change = (config: ConfigFile) => ConfigFile

/** A configuration for the lab, with Graph, in a directory of its own. */
async function configure(t: Test, change: Change = (config) => config): Promise<string> {
  const directory = t.testdir()
  const file = join(directory, 'harness.yaml')
  await writeGatewayConfig(lab, file, {
    port: 8443,
    spool: join(directory, 'spool'),
    change: (config) =>
      change({
        ...config,
        issuers: config.issuers.map((issuer) =>
          issuer.profile === 'entra'
            ? {
                ...issuer,
                graph: { endpoint: lab.urls.graph, identity: 'ml-reader', scope: GRAPH },
              }
            : issuer,
        ),
      }),
  })
  await mkdir(join(directory, 'spool'), { recursive: true, mode: 0o700 })
  return file
}

interface Seen {
  readonly status: number
  readonly findings: readonly Finding[]
  /** Those that are not all right, as `check status`. */
  readonly ill: readonly string[]
  readonly text: string
}

async function doctor(file: string): Promise<Seen> {
  const { status, out, err } = await run(['doctor', '--config', file, '--json'])
  t.equal(err, '')
  const { findings } = JSON.parse(out) as { findings: readonly Finding[] }
  const ill = findings.filter((one) => one.status !== 'ok')
  return {
    status,
    findings,
    ill: ill.map((one) => `${one.check} ${one.status}`),
    text: ill.map(({ where, what, next }) => `${where}: ${what} -> ${next}`).join('\n'),
  }
}

const fault = (part: PartName, what: object): void =>
  lab.parts.get(part)?.faults.add({ times: 0, ...what })

const ORDER = [
  'config',
  'policies',
  'files',
  'clock',
  'issuers',
  'identities',
  'roles',
  'sinks',
  'spool',
  'bindings',
]

t.test('a healthy gateway is found healthy, every check in the order to mend', async (t) => {
  const seen = await doctor(await configure(t))
  t.equal(seen.status, 0, seen.text)
  // who uses a binding is read from the records
  t.same(seen.ill, ['bindings unverified'], seen.text)
  t.same([...new Set(seen.findings.map(({ check }) => check))], ORDER)
})

t.test('people see lines with what to do next, and a sum', async (t) => {
  const file = await configure(t)
  await chmod(join(file, '..', 'spool'), 0o777)
  const { status, out, err } = await start(['doctor', '--config', file], lab.env).ended
  t.equal(status, 1, err)
  t.match(out, /^ok +config +\S+harness\.yaml: loads\n/)
  t.match(out, /\nfailed +spool +audit\.spool\.directory: can be written by others \(777\)/)
  t.match(out, /\n +-> chmod 700 \S+\/spool\n/)
  t.match(out, /\n1 failed, 0 warnings, /)
  t.notMatch(out, '\u001B')
})

t.test('a configuration with faults is all that is looked at', async (t) => {
  const file = await configure(t)
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('port: 8443', 'prot: 8443'), { mode: 0o600 })
  const seen = await doctor(file)
  t.equal(seen.status, 1)
  t.same([...new Set(seen.findings.map(({ check }) => check))], ['config'])
  t.match(seen.text, /harness\.yaml:\d+:\d+ listen\.prot: is no known key/)
})

t.test('policies with faults keep the rest from nothing but what needs them', async (t) => {
  const file = await configure(t, (config) => ({
    ...config,
    policies: { directory: join(t.testdirName, 'policies') },
  }))
  await cp('policies', join(t.testdirName, 'policies'), { recursive: true })
  await writeFile(join(t.testdirName, 'policies', 'bindings.yaml'), 'bindings: [{id: X}]\n')
  const seen = await doctor(file)
  t.equal(seen.status, 1)
  t.match(seen.ill[0], 'policies failed')
  t.match(seen.text, /bindings\.yaml:1: /)
  t.ok(seen.findings.some(({ check, status }) => check === 'sinks' && status === 'ok'))
})

t.test(
  'an issuer that is down, and one whose keys cannot be believed, are told apart',
  async (t) => {
    const file = await configure(t)
    fault('okta', { reset: true })
    fault('entra', { match: { path: '/jwks' }, status: 200, body: { keys: [] } })
    const seen = await doctor(file)
    t.equal(seen.status, 1)
    t.same(seen.ill.slice(0, 3), ['clock unverified', 'issuers failed', 'issuers failed'])
    t.match(seen.text, /issuers\[0\] \(entra\): its key set is refused: no usable key/)
    t.match(seen.text, /issuers\[1\] \(okta\): its discovery document cannot be had: \S+ -> .*curl/)
  },
)

t.test(
  'an issuer that is another one by its own word is named as the mistake that it is',
  async (t) => {
    const file = await configure(t, (config) => ({
      ...config,
      issuers: config.issuers.map((one) =>
        one.name === 'okta' ? { ...one, issuer: `${one.issuer}/` } : one,
      ),
    }))
    const seen = await doctor(file)
    t.match(
      seen.text,
      /okta\): the discovery document names another issuer -> write issuer exactly/,
    )
  },
)

t.test('a clock that is wrong is found by the issuers’ own', async (t) => {
  const issuers = [
    {
      name: 'entra',
      profile: 'entra' as const,
      ...ISSUER_DEFAULTS,
      issuer: lab.issuers.entra.url,
      audiences: ['x'],
    },
  ]
  const skewed = async (seconds: number): Promise<string | undefined> =>
    (await checkClock(issuers, () => Date.now() + seconds * 1000))[0]?.status
  t.equal(await skewed(0), 'ok')
  t.equal(await skewed(12), 'warning')
  t.equal(await skewed(-12), 'warning')
  t.equal(await skewed(120), 'failed')
  t.equal(await skewed(-120), 'failed')
})

t.test('an identity endpoint that fails is found before all that follows from it', async (t) => {
  const file = await configure(t)
  fault('identity', { status: 500, body: {} })
  const seen = await doctor(file)
  t.equal(seen.status, 1)
  t.equal(seen.ill[0], 'identities failed')
  t.ok(seen.ill.includes('roles unverified'))
  t.ok(seen.ill.includes('sinks failed'))
  t.match(seen.text, /identities\.ml-reader: gets no token for \S+ \(policies\): status 500/)
})

t.test('an identity that is not assigned, not used, or another one is told apart', async (t) => {
  const file = await configure(t, (config) => ({
    ...config,
    identities: {
      ...config.identities,
      'ml-writer': { kind: 'managed-identity', clientId: '00000000-0000-4000-8000-000000000000' },
      'ml-reader': {
        kind: 'managed-identity',
        clientId: IDENTITIES[0]?.clientId ?? '',
        objectId: '00000000-0000-4000-8000-000000000000',
      },
      idle: { kind: 'managed-identity', clientId: IDENTITIES[0]?.clientId ?? '' },
    },
  }))
  const seen = await doctor(file)
  t.match(seen.text, /ml-writer: gets no token .*status 400 -> assign the identity to the machine/)
  t.match(seen.text, /ml-reader: gets no token .*oid is not the configured objectId -> compare/)
  t.match(seen.text, /identities\.idle: nothing uses it/)
})

t.test('actions that policies permit and Azure would refuse are named', async (t) => {
  const file = await configure(t)
  const before = lab.roles.assignments()
  t.teardown(() => lab.roles.assign(before))
  lab.roles.assign(before.filter(({ role }) => role !== 'Contributor'))
  const none = await doctor(file)
  t.equal(none.status, 1)
  t.match(
    none.text,
    /ml-writer on \S+ws-lab: policies permit \d+ actions that Azure will refuse: M/,
  )
  t.match(none.text, /policy export/)
  lab.roles.assign(before.map((one) => ({ ...one, role: 'Reader' })))
  const reader = await doctor(file)
  t.match(reader.text, /computes\/listNodes\/action/, 'Reader lacks what only reads by POST')
})

t.test(
  'policy drift names what is missing, what is in excess, and where it comes from',
  async (t) => {
    const file = await configure(t)
    const before = lab.roles.assignments()
    t.teardown(() => lab.roles.assign(before))
    const shown: (string | null)[] = []
    let later = 0
    const healthy = await run(['policy', 'drift', '--config', file, '--allow-excess', '--json'], {
      progress: (line) => void shown.push(line),
      now: () => Date.now() + (later += 2_000),
    })
    // the policies are read before
    const asking = shown.filter((line) => line?.startsWith('asking Azure') === true)
    t.match(asking[0], /^asking Azure: \d+%, about \d+ s left$/)
    t.equal(shown.at(-1), null)
    t.equal(healthy.status, 0, healthy.err)
    const { drift } = JSON.parse(healthy.out) as { drift: Readonly<Record<string, string[]>>[] }
    t.ok(drift.every(({ missing }) => missing?.length === 0))
    t.ok(
      drift.some(({ excess }) => (excess?.length ?? 0) > 0),
      'Contributor is more than is needed',
    )
    t.match(await run(['policy', 'drift', '--config', file]), { status: 1, out: /excess \d+: / })
    lab.roles.assign(before.filter(({ role }) => role !== 'Contributor'))
    const ill = await run(['policy', 'drift', '--config', file])
    t.match(ill, { status: 1, out: /ml-writer on \S+ws-lab\n {2}missing \d+: Microsoft\./ })
    t.match(ill.out, /inherited from \/subscriptions\//)
  },
)

t.test('policy drift asks as a person where the identities cannot', async (t) => {
  const file = await configure(t)
  fault('identity', { status: 500, body: {} })
  const reader = IDENTITIES.find(({ name }) => name === 'ml-reader')
  t.match(await run(['policy', 'drift', '--config', file]), {
    status: 1,
    err: /--principal ml-reader=/,
  })
  if (reader === undefined) return
  const principals = IDENTITIES.flatMap(({ name, oid }) => ['--principal', `${name}=${oid}`])
  const token = await lab.identities.mint(reader, 'https://management.azure.com')
  const args = ['policy', 'drift', '--config', file, '--allow-excess', ...principals]
  t.match(await run(args, { env: { AZURE_ARM_TOKEN: token } }), { status: 0 })
  const wrong = await run(args, { env: { AZURE_ARM_TOKEN: 'canary' } })
  t.match(wrong, { status: 1, err: /status 401[\s\S]*AZURE_ARM_TOKEN/ })
  t.notMatch(wrong.err, 'canary')
  t.equal((await run(['policy', 'drift', '--config', file, '--principal', 'x'])).status, 2)
})

t.test('role assignments that nobody may read are unverified, not right', async (t) => {
  const file = await configure(t)
  fault('arm', { match: { path: 'roleAssignments' }, status: 403, body: { error: {} } })
  const seen = await doctor(file)
  t.equal(seen.status, 0, 'nothing is known to fail')
  t.ok(seen.ill.includes('roles unverified'))
  t.match(seen.text, /cannot be read: status 403 -> give one of the identities the role Reader/)
})

t.test('ARM that sends the doctor elsewhere is not followed', async (t) => {
  const file = await configure(t)
  const elsewhere = `${lab.urls.graph}/page`
  const body = { value: [], nextLink: elsewhere }
  fault('arm', { match: { path: 'roleAssignments' }, status: 200, body })
  const seen = await doctor(file)
  t.match(seen.text, /ARM names a page of another host/)
  t.notOk(
    lab.parts
      .get('graph')
      ?.journal.entries()
      .some(({ url }) => url === '/page'),
  )
})

t.test('an ingestion endpoint says by its answer what to mend', async (t) => {
  const file = await configure(t)
  const rows = lab.ingestion.rows().length
  for (const [status, judged, next] of [
    [403, 'failed', 'Monitoring Metrics Publisher'],
    [404, 'failed', 'ruleId'],
    [400, 'unverified', 'audit reconcile'],
    [503, 'failed', 'try again'],
  ] as const) {
    fault('ingestion', { status, body: { error: {} } })
    const sink = (await doctor(file)).findings.find(({ check }) => check === 'sinks')
    t.match(sink, { status: judged, what: `answers ${status}`, next: new RegExp(next) })
    lab.parts.get('ingestion')?.faults.clear()
  }
  fault('ingestion', { reset: true })
  t.match((await doctor(file)).text, /does not answer/)
  t.equal(lab.ingestion.rows().length, rows, 'and has stored nothing of all that')
})

t.test('sinks without a harmless request are only reached for', async (t) => {
  const { port } = new URL(lab.urls.ingestion)
  const file = await configure(t, (config) => ({
    ...config,
    audit: {
      ...config.audit,
      sinks: [
        ...config.audit.sinks,
        { name: 'console', kind: 'stdout', required: false },
        { name: 'there', kind: 'syslog', host: '127.0.0.1', port: Number(port), required: false },
        { name: 'gone', kind: 'https', endpoint: 'https://127.0.0.1:1', required: false },
      ],
    },
  }))
  const { findings } = await doctor(file)
  t.match(
    findings.filter(({ check }) => check === 'sinks').map(({ status }) => status),
    ['ok', 'ok', 'unverified', 'failed'],
  )
})

t.test(
  'a spool that is not there, or is not private, is found with the command to mend it',
  async (t) => {
    const file = await configure(t)
    const spool = join(file, '..', 'spool')
    await chmod(spool, 0o755)
    t.match((await doctor(file)).text, /can be read by others \(755\) -> chmod 700/)
    await rm(spool, { recursive: true })
    t.match((await doctor(file)).text, /cannot be used \(ENOENT\) -> .*install -d -m 700/)
    await writeFile(spool, '')
    t.match((await doctor(file)).text, /is no directory/)
  },
)

t.test('secrets that are missing and certificates that end are found', async (t) => {
  const file = await configure(t, (config) => ({
    ...config,
    audit: { ...config.audit, hashKey: { fromEnv: 'NO_SUCH_VARIABLE' } },
    listen: { ...config.listen, tls: { certFile: 'none.pem', keyFile: 'none.key' } },
  }))
  const seen = await doctor(file)
  t.match(seen.text, /audit\.hashKey: environment variable NO_SUCH_VARIABLE is not set/)
  t.match(seen.text, /listen\.tls\.certFile: cannot be read/)
  t.match(seen.text, /listen\.tls\.keyFile: cannot be read/)
  const healthy = await configure(t)
  const later = { now: () => Date.now() + 80 * 86_400_000 }
  t.match(await run(['doctor', '--config', healthy], later), {
    out: /warning +files +listen\.tls\.certFile: ends in \d days/,
  })
})

t.test('a binding to an object that the directory does not know is found', async (t) => {
  const gone = '00000000-0000-4000-8000-00000000dead'
  const bindings = await readFile('lab/gateway/bindings.yaml', 'utf8')
  const file = await configure(t, (config) => ({
    ...config,
    policies: { ...config.policies, bindings: join(t.testdirName, 'more.yaml') },
  }))
  await writeFile(
    join(t.testdirName, 'more.yaml'),
    `${bindings}
  - id: someone-who-left
    template: reader
    principal: User::"entra/${TENANT}/${gone}"
    resource: Subscription::"/subscriptions/22222222-2222-4222-8222-222222222222"
`,
  )
  const seen = await doctor(file)
  t.equal(seen.status, 1)
  t.match(
    seen.text,
    /\(someone-who-left\): User::"\S+dead" is no longer in the directory -> remove/,
  )
  t.equal(seen.ill.filter((one) => one === 'bindings failed').length, 1)
  fault('graph', { status: 403, body: {} })
  const blind = await doctor(file)
  t.equal(blind.status, 0)
  t.match(blind.text, /the directory cannot be asked: status 403 -> .*Directory\.Read\.All/)
})

t.test('wrong arguments are status 2', async (t) => {
  t.equal((await run(['doctor'])).status, 2)
  t.equal((await run(['doctor', '--config', 'x', '--stale-days', '0'])).status, 2)
  t.equal((await run(['doctor', '--nonsense'])).status, 2)
})
