/**
 * Ctrl-C ends every command with 130: also one that is at work on much, and one that waits for a server that never
 * answers. What each is at is seen first: no interrupt comes before.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { IDENTITIES, workspaceId } from '../../lab/personas.ts'
import { openAudit } from '../../src/audit/open.ts'
import { openHome } from '../../src/cli/session/home.ts'
import { writeSessions } from '../../src/cli/session/store.ts'
import { azureSink, chainDirectory, optionsOf, spoolDirectory } from '../audit/fixtures.ts'
import { SHIPPED } from '../policy/support.ts'
import { eventually } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { COMMANDS, start, type Process } from './support/run.ts'

t.setTimeout(300_000)

const MAIN = 'src/main.ts'
const INTERRUPTED = 130
const CTRL_C = '\u0003'
const IDS = ['--identity', 'ml-reader', '--identity', 'ml-writer']
const REVIEW = 'k3f5q2m7x2v4b6ta-1'
const DECISION = '00000000-0000-4000-8000-000000000000'

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

/** A spool of some hundred megabytes that takes the room of a few: many chains that are the same files. */
async function bigSpool(t: Test, big: string): Promise<string> {
  const directory = spoolDirectory(t)
  const audit = await openAudit(
    optionsOf(directory, azureSink('https://127.0.0.1:9'), {
      spool: { retentionSeconds: 3_600, segmentBytes: 262_144 },
    }),
  )
  await Promise.all(Array.from({ length: 3_000 }, () => audit.recorder.refused(exchangeOf())))
  await audit.close(1)
  const chain = chainDirectory(directory)
  for (let n = 0; n < 80; n += 1) {
    const copy = join(big, `chain-${n}`)
    mkdirSync(copy, { recursive: true })
    for (const name of readdirSync(chain)) {
      if (name.endsWith('.jsonl')) linkSync(join(chain, name), join(copy, name))
    }
  }
  return big
}

/** Policies with a case that asks very often, and bindings of very many. */
function bigPolicies(directory: string): string {
  spawnSync('cp', ['-r', SHIPPED, directory])
  const place = workspaceId().toLowerCase()
  writeFileSync(
    join(directory, 'bindings.yaml'),
    stringify({
      identities: ['ml-reader', 'ml-writer'],
      bindings: Array.from({ length: 300 }, (_, n) => ({
        id: `b-${n}`,
        template: 'reader',
        principal: `Group::"okta/g-${n}"`,
        resource: `Workspace::"${place}-${n}"`,
      })),
    }),
  )
  const does = Array.from({ length: 500 }, () => 'workspaces/jobs/read')
  const one = { who: 'somebody', does, decision: 'refuse' }
  writeFileSync(
    join(directory, 'many.tests.yaml'),
    stringify(
      {
        workspace: place,
        bindings: [],
        identities: ['ml-reader', 'ml-writer'],
        principals: { somebody: { id: 'okta/somebody' } },
        cases: Array.from({ length: 200 }, () => ({ ...one })),
      },
      { aliasDuplicateObjects: false },
    ),
  )
  return directory
}

/** Types Ctrl-C at a terminal once the command says how far it is. */
async function interruptAtWork(t: Test, args: readonly string[], progress: RegExp): Promise<void> {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  // tap has its own code in every process of node's by this variable, which answers signals in its place; results would
  // hide the line, and progress is on standard error
  const line = `exec env -u NODE_OPTIONS ${words} >/dev/null`
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm', ...world.lab.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let seen = ''
  const ended = once(child, 'close')
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString('utf8')))
  await eventually(
    `it says how far it is: ${args.join(' ')}`,
    () => progress.test(seen) || hasEnded,
  )
  t.match(seen, progress)
  child.stdin.write(CTRL_C)
  const [status] = await ended
  t.equal(status, INTERRUPTED, seen.slice(-500))
  t.notMatch(seen, /\n\s+at /)
}

const hasTerminal = spawnSync('script', ['--version']).error === undefined
t.test(
  'a command that is at work on much says how long it takes, and ends',
  { skip: hasTerminal ? false : 'there is no script(1) on this system' },
  async (t) => {
    const root = t.testdir({ 'rows.json': '[]' })
    const rows = join(root, 'rows.json')
    const spool = await bigSpool(t, join(root, 'spool'))
    const policies = bigPolicies(join(root, 'policies'))
    const reading = /reading records: \d+%, about \d+ (?:s|min) left/
    const cases: readonly (readonly [args: string[], progress: RegExp])[] = [
      [['audit', 'verify', spool], /checking records: \d+%, about \d+ (?:s|min) left/],
      [['audit', 'cat', spool], reading],
      [['audit', 'reconcile', spool, '--rows', rows], reading],
      [['policy', 'diff', SHIPPED, SHIPPED, '--replay', spool, ...IDS], reading],
      [
        ['policy', 'test', '--policies', policies, ...IDS],
        /running cases: \d+%, about \d+ (?:s|min) left/,
      ],
      [['policy', 'plan', SHIPPED, policies, ...IDS], /comparing: \d+%, about \d+ (?:s|min) left/],
    ]
    for (const [args, progress] of cases)
      await t.test(args.slice(0, 2).join(' '), (t) => interruptAtWork(t, args, progress))
  },
)

/** A server that takes connections and says nothing. */
async function silentServer(
  t: Test,
): Promise<{ readonly port: number; readonly seen: () => number }> {
  const sockets = new Set<Socket>()
  let seen = 0
  const server = createServer((socket) => {
    seen += 1
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, seen: () => seen }
}

async function hasConnected(child: Process, seen: () => number): Promise<void> {
  let last = ''
  void child.ended.then(({ err }) => (last = `it ended: ${err}`))
  await eventually('it has connected', () => seen() > 0 || last !== '')
  if (last !== '') throw new Error(last)
}

/** What each command is given besides; all of them ask a gateway. */
const ASKING: Readonly<Record<string, readonly string[]>> = {
  login: ['--no-open'],
  token: [],
  env: [],
  exec: ['--', 'true'],
  logout: [],
  why: [],
  whoami: [],
  can: ['workspaces/jobs/read', '--on', workspaceId()],
  'policy propose': ['--need', `${DECISION}.a.b`, '--policies', SHIPPED, ...IDS],
  'approvals list': [],
  'approvals show': [REVIEW],
  'approvals approve': [REVIEW],
  'approvals reject': [REVIEW, '--comment', 'no'],
  'approvals comment': [REVIEW, '--comment', 'hm'],
  'approvals withdraw': [REVIEW],
  'approvals request': ['--call', `PUT ${workspaceId()}/jobs/a?api-version=2024-04-01`],
  'approvals remind': [REVIEW],
  'approvals export': [],
  'approvals override': [REVIEW, '--reason', 'r', '--ticket', 'T-1'],
  'approvals wait': [REVIEW],
  'access request': ['--template', 'reader', '--on', workspaceId(), '--reason', 'r'],
  'access list': [],
  'access show': [REVIEW],
  'access approve': [REVIEW],
  'access deny': [REVIEW],
  'access extend': [REVIEW, '--for', '8h', '--reason', 'r'],
  'access end': [REVIEW],
  'access grant': [
    '--to',
    'User::"okta/a"',
    '--template',
    'reader',
    '--on',
    workspaceId(),
    '--reason',
    'r',
  ],
  'access wait': [REVIEW],
  'audit search': [],
}

/** A home with a session; `isOld` if its token has to be renewed first. */
async function homeAt(t: Test, url: string, isOld: boolean): Promise<string> {
  const home = join(t.testdir(), 'home')
  await openHome(home)
  await writeSessions(home, [
    {
      gateway: url,
      issuer: url,
      profile: 'entra',
      clientId: 'x',
      scopes: ['x'],
      accessToken: 'x',
      expiresAt: Date.now() + (isOld ? 1_000 : 3_600_000),
      refreshToken: 'x',
      who: 'x',
      caFile: null,
    },
  ])
  return home
}

t.test('a command that waits for a gateway that never answers ends', async (t) => {
  for (const [name, command] of COMMANDS) {
    if (!command.options.some(({ long }) => long === '--gateway')) continue
    const more = ASKING[name]
    if (more === undefined) {
      t.comment(`${name} is not interrupted here: it has no line in this test`)
      continue
    }
    await t.test(name, async (t) => {
      const silent = await silentServer(t)
      const url = `https://127.0.0.1:${silent.port}`
      // these ask the issuer, and not the gateway
      const home = await homeAt(t, url, ['token', 'env', 'exec'].includes(name))
      const [words, ...rest] = [name.split(' '), ...more]
      const child = start([...words, '--gateway', url, ...rest], { AZUREML_HARNESS_HOME: home })
      t.teardown(() => child.kill('SIGKILL'))
      await hasConnected(child, silent.seen)
      child.kill('SIGINT')
      const { status, signal, err } = await child.ended
      t.equal(signal === 'SIGINT' ? INTERRUPTED : status, INTERRUPTED, err)
      t.notMatch(err, /\n\s+at /)
    })
  }
})

t.test(
  'and so does one that waits for Azure, for an issuer or for this machine’s gateway',
  async (t) => {
    const principals = IDENTITIES.flatMap(({ name, oid }) => ['--principal', `${name}=${oid}`])
    for (const [name, args] of [
      ['doctor', []],
      ['policy drift', principals],
      ['health', []],
    ] as const) {
      await t.test(name, async (t) => {
        const silent = await silentServer(t)
        const config = parse(readFileSync(world.gateway.configFile, 'utf8')) as Record<
          string,
          object
        >
        const file = join(t.testdir(), 'harness.yaml')
        const url = `https://127.0.0.1:${silent.port}`
        const changed = {
          ...config,
          cloud: { ...config['cloud'], resourceManager: url },
          listen: { ...config['listen'], port: silent.port, publicUrl: url },
        }
        writeFileSync(file, stringify(changed))
        const env = { ...world.lab.env, AZURE_ARM_TOKEN: 'x' }
        const child = start([...name.split(' '), ...args, '--config', file], env)
        t.teardown(() => child.kill('SIGKILL'))
        await eventually('it has connected', () => silent.seen() > 0)
        child.kill('SIGINT')
        const { status, signal, err } = await child.ended
        t.equal(signal === 'SIGINT' ? INTERRUPTED : status, INTERRUPTED, err)
      })
    }
  },
)
