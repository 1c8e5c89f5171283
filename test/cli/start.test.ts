/** What a command loads before it does anything: the less, the sooner it starts. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { openHome } from '../../src/cli/session/home.ts'
import { writeSessions } from '../../src/cli/session/store.ts'

// prints, at the end, the packages and the files of src that were loaded
const HOOK = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
  process.on('exit', () => process.stderr.write('LOADED' + JSON.stringify(loaded)))
`)}`

interface Loaded {
  readonly status: number | null
  readonly packages: readonly string[]
  readonly files: readonly string[]
}

function loadedBy(args: readonly string[], env: Record<string, string> = {}): Loaded {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', HOOK, 'src/main.ts', ...args],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '', ...env } },
  )
  const urls: string[] = JSON.parse(stderr.slice(stderr.indexOf('LOADED') + 'LOADED'.length))
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

t.test('commands load what they need and no more', async (t) => {
  const lacks = (args: readonly string[], names: readonly string[]): void => {
    const { packages } = loadedBy(args)
    t.same(
      packages.filter((name) => names.includes(name)),
      [],
      args.join(' '),
    )
  }
  const azure = [
    '@azure/identity',
    '@azure/monitor-ingestion',
    'fastify',
    'openid-client',
    'prom-client',
  ]
  lacks(['policy', 'check', '--policies', 'policies'], [...azure, 'undici'])
  lacks(['explain'], azure)
  lacks(['config', 'check', '/nowhere'], [...azure, '@cedar-policy/cedar-wasm', 'undici'])
  lacks(
    ['audit', 'verify', '/nowhere'],
    [...azure, '@cedar-policy/cedar-wasm', 'undici', 'yaml', 'ajv'],
  )
})
