/** What a command loads before it does anything: the less, the sooner it starts. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { openHome } from '../../src/cli/session/home.ts'
import { writeSessions } from '../../src/cli/session/store.ts'
import { BUNDLE, writeBundle } from '../../packaging/bundle.ts'
import { splitStatements } from '../../src/policy/load/source.ts'
import { COMMANDS } from './support/run.ts'

// writes to descriptor 3, at the end, what was loaded: to a pipe that somebody reads slowly, half of it would be lost
const HOOK = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  import { writeFileSync } from 'node:fs'
  const loaded = []
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
  process.on('exit', () => writeFileSync(3, JSON.stringify(loaded)))
`)}`
// counts the same way what is asked of Cedar, and how often WebAssembly is compiled
const COUNTS = `data:text/javascript,${encodeURIComponent(`
  import { createRequire } from 'node:module'
  import { writeFileSync } from 'node:fs'
  const counts = {}
  const count = (name) => { counts[name] = (counts[name] ?? 0) + 1 }
  const { Module } = WebAssembly
  WebAssembly.Module = class extends Module { constructor(bytes) { super(bytes); count('compile') } }
  const cedar = createRequire(process.cwd() + '/')('@cedar-policy/cedar-wasm/nodejs')
  for (const [name, call] of Object.entries(cedar))
    cedar[name] = (...args) => { count(name); return call(...args) }
  process.on('exit', () => writeFileSync(3, JSON.stringify(counts)))
`)}`
const ROOM = mkdtempSync(join(tmpdir(), 'harness-loaded-'))
const LIST = join(ROOM, 'list')
// each process compiles only what none before it has
const CACHE = { NODE_COMPILE_CACHE: join(ROOM, 'compiled') }
t.teardown(() => rmSync(ROOM, { recursive: true }))

interface Loaded {
  readonly status: number | null
  readonly packages: readonly string[]
  readonly files: readonly string[]
}

/** What `azureml-harness ARGS` loads. */
const loadedBy = (args: readonly string[], env: Record<string, string> = {}): Loaded =>
  loadedByNode(['src/main.ts', ...args], env)

/** Runs Node with a hook. @returns what the hook has written */
function hooked(
  hook: string,
  args: readonly string[],
  env: Record<string, string> = {},
): { readonly status: number | null; readonly written: string } {
  const list = openSync(LIST, 'w')
  const { status } = spawnSync(process.execPath, ['--import', hook, ...args], {
    stdio: ['ignore', 'ignore', 'ignore', list],
    env: { PATH: process.env['PATH'] ?? '', ...CACHE, ...env },
  })
  closeSync(list)
  return { status, written: readFileSync(LIST, 'utf8') }
}

function loadedByNode(args: readonly string[], env: Record<string, string>): Loaded {
  const { status, written } = hooked(HOOK, args, env)
  const urls: string[] = JSON.parse(written)
  const packages = urls.flatMap(
    (url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [],
  )
  const files = urls.flatMap((url) => /\/src\/(.+)\.ts$/.exec(url)?.[1] ?? [])
  return { status, packages: [...new Set(packages)].toSorted(), files }
}

const PARSER = ['@commander-js/extra-typings', 'commander']
const isDefinition = (file: string): boolean =>
  file === 'main' ||
  /^cli\/(?:\w+\/)?commands$/.test(file) ||
  [
    'cli/cli',
    'cli/command',
    'cli/io',
    'cli/output',
    'cli/problem',
    'cli/version',
    'lib/error-code',
    'lib/file-fault',
  ].includes(file)

t.test('help and version load the definitions of commands, and nothing that they do', async (t) => {
  for (const args of [
    ['--version'],
    ['--help'],
    ['policy', '--help'],
    ['serve', '--help'],
    ['audit', 'cat', '--help'],
  ]) {
    const { status, packages, files } = loadedBy(args)
    t.equal(status, 0, args.join(' '))
    t.same(packages, PARSER, args.join(' '))
    t.same(
      files.filter((file) => !isDefinition(file)),
      [],
      args.join(' '),
    )
  }
})

t.test(
  'a fresh token is printed without network, OpenID client, configuration and policies',
  async (t) => {
    const home = join(t.testdir(), 'home')
    await openHome(home)
    await writeSessions(home, [
      {
        gateway: 'https://ml.contoso.example',
        issuer: 'https://login.contoso.example',
        profile: 'oidc',
        clientId: 'x',
        scopes: [],
        accessToken: 'a-token',
        expiresAt: Date.now() + 3_600_000,
        refreshToken: null,
        who: null,
        caFile: null,
      },
    ])
    const { status, packages, files } = loadedBy(['token'], { AZUREML_HARNESS_HOME: home })
    t.equal(status, 0)
    t.same(packages, PARSER)
    t.same(
      files.filter((file) =>
        /^(?:policy|token|config|identity|audit|cli\/sign-in\/(?!gateway-origin))/.test(file),
      ),
      [],
    )
  },
)

/** What checks a configuration. */
const CONFIG = ['ajv', 'ajv-formats', 'typebox', 'yaml']
const POLICIES = ['@cedar-policy/cedar-wasm', 'lru-cache', 'yaml']
const BOTH = [...new Set([...POLICIES, ...CONFIG])]
const SIGN_IN = ['jose', 'openid-client', 'undici']

const FILE = ['--config', 'config/harness.yaml']
const WORKSPACE = workspaceId()
const ASKED = ['workspaces/jobs/read', '--on', WORKSPACE, ...FILE]
const REVIEW = 'k3f5q2m7x2v4b6ta-1'

/** Arguments with which a command does its work, or gets as far as it does without a gateway; and packages of package.json. */
const BUDGET: Readonly<
  Record<string, readonly [args: readonly string[], packages: readonly string[]]>
> = {
  health: [FILE, CONFIG],
  explain: [[...FILE, '--principal', 'x', '--request', 'GET /'], BOTH],
  login: [['--gateway', 'https://localhost:1'], SIGN_IN],
  token: [[], []],
  env: [[], ['undici']],
  exec: [['--', 'true'], ['undici']],
  logout: [['--gateway', 'https://nobody.example'], SIGN_IN],
  why: [[], ['undici']],
  whoami: [[], ['undici']],
  can: [['--who', 'User::"okta/x"', ...ASKED], BOTH],
  'who-can': [ASKED, BOTH],
  'approvals list': [[], ['undici']],
  'approvals show': [[REVIEW], ['undici']],
  'policy check': [FILE, BOTH],
  'policy test': [
    ['--policies', 'policies', '--identity', 'ml-reader', '--identity', 'ml-writer'],
    [...POLICIES, 'typebox'],
  ],
  'policy diff': [['policies', 'policies', '--replay', '/nowhere', ...FILE], BOTH],
  'policy plan': [['policies', 'policies', ...FILE], BOTH],
  'policy log': [['--limit', '1', ...FILE], BOTH],
  'policy propose': [['--decision', 'x', ...FILE], BOTH],
  'policy export': [['--azure-role', ...FILE], BOTH],
  'policy schema': [[], []],
  'policy matrix': [FILE, BOTH],
  'audit cat': [['/nowhere'], []],
  'audit search': [[], ['undici']],
  'audit verify': [['/nowhere'], []],
  'audit reconcile': [['/nowhere', '--rows', '/nowhere'], []],
  'config check': [['config/harness.yaml'], BOTH],
  'config schema': [[], ['typebox']],
  completion: [['bash'], []],
}

/** The gateway’s own: no command without a line above loads them, as far as it gets without arguments. */
const FOR_SERVE = ['fastify', '@fastify/http-proxy', 'prom-client']

/** What these commands load together, one after another in a process. */
function loadedTogether(commands: readonly (readonly string[])[], home: string): Loaded {
  const env = {
    AZUREML_HARNESS_HOME: home,
    AZUREML_HARNESS_GATEWAY: 'https://localhost:1',
    PATH: process.env['PATH'] ?? '',
  }
  const script = `
    import { run } from './test/cli/support/run.ts'
    for (const args of ${JSON.stringify(commands)})
      await run(args, { env: ${JSON.stringify(env)}, cwd: process.cwd() })
  `
  return loadedByNode(['--input-type=module', '--eval', script], env)
}

t.test('commands load these packages and no other', async (t) => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: object
  }
  const alike = Map.groupBy(Object.entries(BUDGET), ([, [, packages]]) =>
    packages.toSorted().join(' '),
  )
  for (const [expected, commands] of alike) {
    const names = commands.map(([name]) => name).join(', ')
    const { status, packages } = loadedTogether(
      commands.map(([name, [args]]) => [...name.split(' '), ...args]),
      join(t.testdir(), 'home'),
    )
    t.equal(status, 0, names)
    t.equal(
      packages.filter((one) => Object.hasOwn(dependencies, one) && !PARSER.includes(one)).join(' '),
      expected,
      names,
    )
  }
})

t.test('no command but serve loads a server', async (t) => {
  const others = [...COMMANDS.keys()].filter((name) => name !== 'serve' && !(name in BUDGET))
  const { status, packages } = loadedTogether(
    others.map((name) => name.split(' ')),
    join(t.testdir(), 'home'),
  )
  t.equal(status, 0)
  t.ok(packages.includes('undici'), 'they get as far as to ask a gateway')
  t.same(
    packages.filter((one) => FOR_SERVE.includes(one)),
    [],
    others.join(', '),
  )
})

/** Of the policies of this repository. */
const STATEMENTS = ['policies', 'policies/templates']
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => file.endsWith('.cedar'))
  .flatMap((file) => splitStatements(file, readFileSync(file, 'utf8'))).length

t.test('Cedar is compiled once, and reads and validates each policy once', async (t) => {
  const given = ['--identity', 'ml-reader', '--identity', 'ml-writer']
  const from = ['--policies', 'policies', ...given]
  const asked = ['workspaces/jobs/read', '--on', WORKSPACE, ...from]
  const cases: readonly (readonly [args: readonly string[], directories: number])[] = [
    [['policy', 'check', ...from], 1],
    [['who-can', ...asked], 1],
    [['can', ...asked, '--who', 'User::"okta/x"'], 1],
    [['policy', 'plan', 'policies', 'policies', ...given], 2],
  ]
  for (const [args, directories] of cases) {
    const counts: Partial<Record<string, number>> = JSON.parse(
      hooked(COUNTS, ['src/main.ts', ...args]).written,
    )
    const name = args.slice(0, 2).join(' ')
    const { compile, policyToJson = 0, templateToJson = 0, validate = 0 } = counts
    t.equal(compile, 1, `${name}: compiled`)
    // the same text in another directory not again
    t.equal(policyToJson + templateToJson, STATEMENTS, `${name}: read`)
    t.equal(counts['checkParsePolicySet'], directories, `${name}: read together`)
    // four to a schema
    t.equal(validate, Math.ceil(STATEMENTS / 4), `${name}: validated`)
  }
})

t.test('of the bundle, what only checks files loads nothing that makes schemas', async (t) => {
  const directory = t.testdir()
  const packages = await writeBundle(directory)
  for (const [name, more] of [
    ['config check', ['config/harness.yaml']],
    ['policy check', FILE],
    ['policy plan', ['policies', 'policies', ...FILE]],
    ['who-can', ASKED],
    ['can', ['--who', 'User::"okta/x"', ...ASKED]],
  ] as const) {
    const args = [join(directory, BUNDLE), ...name.split(' '), ...more]
    const urls: string[] = JSON.parse(hooked(HOOK, args).written)
    const parts = urls.flatMap((url) => packages.get(basename(url)) ?? [])
    t.ok(parts.includes('@cedar-policy/cedar-wasm'), `${name} gets as far as to the policies`)
    t.notOk(parts.includes('typebox'), name)
  }
})
