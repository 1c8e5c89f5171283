/**
 * Ctrl-C ends every command that waits for a server that never answers with 130. That it waits is seen first: no
 * interrupt comes before.
 */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { IDENTITIES, workspaceId } from '../../lab/personas.ts'
import { openHome } from '../../src/cli/session/home.ts'
import { writeSessions } from '../../src/cli/session/store.ts'
import { SHIPPED } from '../policy/support.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { COMMANDS, start, type Process } from './support/run.ts'

t.setTimeout(300_000)

const INTERRUPTED = 130
const IDS = ['--identity', 'ml-reader', '--identity', 'ml-writer']
const REVIEW = 'k3f5q2m7x2v4b6ta-1'
const DECISION = '00000000-0000-4000-8000-000000000000'

// each process compiles only what none before it has
const CACHE = { NODE_COMPILE_CACHE: t.testdir() }

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

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
      const child = start([...words, '--gateway', url, ...rest], {
        ...CACHE,
        AZUREML_HARNESS_HOME: home,
      })
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
      ['workspace check', [workspaceId(), ...principals]],
      ['workspace list', principals],
      [
        'workspace onboard',
        [workspaceId(), '--out=x', '--group=readers=Group::"okta/x"', ...principals],
      ],
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
        const env = { ...CACHE, ...world.lab.env, AZURE_ARM_TOKEN: 'x' }
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
