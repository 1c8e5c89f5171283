/** `npm pack` gives a package that installs without a registry, has the command line and nothing of lab or test, and runs. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { spawnGateway } from '../../lab/gateway/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { JOBS, ROOT, tryOut } from './support/smoke.ts'

t.setTimeout(300_000)

let world: World
t.before(async () => {
  world = await startGateway()
})
// outside of the repository: npm installs into the nearest folder above that looks like a package
const directory = mkdtempSync(join(tmpdir(), 'azureml-harness-package-'))
t.teardown(async () => {
  await world.close()
  rmSync(directory, { recursive: true })
})

const installed = join(directory, 'installed')
const packageDirectory = join(installed, 'node_modules/azureml-harness')
const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`

/** npm, without its registry and without what it has kept of earlier times. */
function npm(cwd: string, ...args: readonly string[]): string {
  const given = ['--offline', '--cache', join(directory, 'cache'), '--no-audit', '--no-fund']
  const { status, stdout, stderr } = spawnSync('npm', [...args, ...given], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH },
  })
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

t.test('it is packed and installed offline, and package.json is as it was', async (t) => {
  // a copy: while npm packs, package.json is another
  const copy = join(directory, 'copy')
  for (const name of [
    'src',
    'packaging',
    'package.json',
    'README.md',
    'LICENSE',
    'policies',
    'deploy',
    'lab',
    'test/cli',
  ])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(copy, 'node_modules'))
  const packed: readonly { filename: string; files: readonly { path: string }[] }[] = JSON.parse(
    npm(copy, 'pack', '--json'),
  )
  const [one] = packed
  const files = one?.files.map(({ path }) => path).toSorted() ?? []
  const isPart = (path: string): boolean => path.startsWith('dist/parts/')
  const isPolicy = (path: string): boolean => path.startsWith('policies/')
  t.same(
    files.filter((path) => !isPart(path) && !isPolicy(path)),
    [
      'LICENSE',
      'README.md',
      'deploy/azure-monitor/template.json',
      'dist/THIRD-PARTY-LICENSES.txt',
      'dist/azureml-harness.mjs',
      'package.json',
    ],
  )
  const policies = files.filter(isPolicy)
  t.ok(policies.includes('policies/templates/reader.cedar'))
  t.ok(policies.includes('policies/profiles/standard.yaml'))
  t.notOk(policies.some((path) => /bindings\.yaml$|^policies\/examples\//.test(path)))
  t.same(
    files.filter((path) => isPart(path) && !path.endsWith('.mjs')),
    ['dist/parts/cedar_wasm_bg.wasm'],
  )
  t.equal(
    readFileSync(join(copy, 'package.json'), 'utf8'),
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  )
  mkdirSync(installed)
  writeFileSync(join(installed, 'package.json'), '{}')
  npm(installed, 'install', join(copy, one?.filename ?? ''))
})

t.test('it needs no other package, and names the licences of those in it', async (t) => {
  const read = (file: string): string => readFileSync(join(packageDirectory, file), 'utf8')
  const { name, engines, dependencies, devDependencies, scripts } = JSON.parse(read('package.json'))
  t.match({ name, engines }, { name: 'azureml-harness', engines: { node: '>=22.18' } })
  t.same([dependencies, devDependencies, scripts], [undefined, undefined, undefined])
  const licences = read('dist/THIRD-PARTY-LICENSES.txt')
  const { dependencies: own } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  // types only
  const typesOnly = '@commander-js/extra-typings'
  for (const one of Object.keys(own as object).filter((name) => name !== typesOnly))
    t.match(licences, new RegExp(`^${one} \\d+\\.\\d+\\.\\d+, \\S+$`, 'm'), one)
  t.notMatch(licences, /^(?:tap|esbuild|oidc-provider|azurite) /m)
  const parts = readdirSync(join(packageDirectory, 'dist/parts')).map((name) => `parts/${name}`)
  for (const name of ['azureml-harness.mjs', ...parts]) {
    const text = read(`dist/${name}`)
    t.notOk(text.includes('Sofia Scientist'), `${name} has no persona of the lab`)
    t.notOk(text.includes('_lab/faults'), name)
    // with one other character, Node holds two bytes for each of its characters for as long as it runs
    t.ok(!name.endsWith('.mjs') || /^\p{ASCII}*$/u.test(text), `${name} is ASCII`)
  }
})

const READ_ALL = `
  const { SourceTextModule } = require('node:vm')
  const { readdirSync, readFileSync } = require('node:fs')
  for (const name of readdirSync('.').filter((one) => one.endsWith('.mjs')))
    new SourceTextModule(readFileSync(name, 'utf8'), { identifier: name })`

t.test('each of its parts is a module that Node can read', async (t) => {
  const cwd = join(packageDirectory, 'dist/parts')
  const args = ['--no-warnings', '--experimental-vm-modules', '-e', READ_ALL]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
  t.equal(status, 0, stderr.slice(-500))
})

t.test('it runs', async (t) => {
  const program = join(installed, 'node_modules/.bin/azureml-harness')
  await tryOut(t, program, { PATH, AZUREML_HARNESS_HOME: join(directory, 'home') }, world)
})

t.test('it has what init copies', (t) => {
  const program = join(installed, 'node_modules/.bin/azureml-harness')
  const cwd = t.testdir()
  const guid = '00000000-0000-4000-8000-000000000001'
  const args = ['--tenant', guid, '--workspace', workspaceId(), '--region', 'westeurope']
  args.push('--url', 'https://ml.contoso.example', '--issuer', 'entra', '--group', guid)
  const { status, stderr } = spawnSync(program, ['init', ...args, '--out', 'out'], {
    cwd,
    encoding: 'utf8',
    env: { PATH },
  })
  t.equal(status, 0, stderr)
  t.same(readdirSync(join(cwd, 'out')), [
    'application.json',
    'audit.json',
    'azure.sh',
    'harness.yaml',
    'policies',
    'roles',
  ])
  t.same(readdirSync(join(cwd, 'out/policies/profiles')), ['standard.tests.yaml', 'standard.yaml'])
  t.end()
})

const FAULTY = `
listen: { port: eighty, publicUrl: nowhere, tls: { certFile: a } }
isuers: []
issuers: [{ name: a, profile: entar, issuer: not-a-url, audiences: [] }]
audit: { spool: { directory: a }, sinks: [{ kind: splunk, name: x, extra: 1 }, { kind: none }] }
`

t.test('it finds the same faults in a configuration as the sources do', async (t) => {
  const file = join(t.testdir({ 'harness.yaml': FAULTY }), 'harness.yaml')
  const [fromPackage, fromSources] = ['dist/azureml-harness.mjs', 'src/main.ts'].map((main, n) => {
    const args = [main, 'config', 'check', '--file-only', file]
    const cwd = n === 0 ? packageDirectory : ROOT
    return spawnSync(process.execPath, args, { cwd, encoding: 'utf8', env: { PATH } })
  })
  t.match(fromSources, { status: 1, stderr: /isuers.*\n[^]*did you mean/ })
  t.equal(fromPackage?.stderr, fromSources?.stderr)
})

/** 140 MB where it was measured; 175 with room made in caches for all that they may hold and a bundle that is not ASCII. */
const MOST_AT_REST = 165_000_000

t.test('a gateway runs from it', async (t) => {
  const main = join(packageDirectory, 'dist/azureml-harness.mjs')
  const gateway = await spawnGateway(world.lab, {
    main,
    configFile: join(t.testdir(), 'harness.yaml'),
    change: (config) => {
      const spool = { ...config.audit.spool, directory: join(t.testdirName, 'spool') }
      return { ...config, audit: { ...config.audit, spool } }
    },
  })
  t.teardown(() => gateway.kill())
  if (process.platform === 'linux') {
    const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8')
    const bytes = 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
    t.ok(bytes < MOST_AT_REST, `${bytes} bytes of memory at rest`)
  }
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const answer = await fetch(`${gateway.url}${JOBS}`, { headers: { authorization } })
  t.equal(answer.status, 200)
  t.match(await answer.json(), { value: Array })
  t.equal((await gateway.stop()).code, 0)
})
