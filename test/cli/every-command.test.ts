/** Every command, used as no document says: wrong options, no arguments, pipes that close, interrupts, no terminal. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { COMMANDS, run, start, type Ran } from './support/run.ts'
import { signIn } from './support/signed-in.ts'

t.setTimeout(300_000)

const MAIN = 'src/main.ts'
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

let world: World
let env: Record<string, string | undefined>
let decision = ''
let refusal = ''

t.before(async () => {
  world = await startGateway()
  const home = join(t.testdir({ 'rows.json': '[]', 'me.json': '{"id": "okta/me"}' }), 'home')
  await signIn(home, world)
  env = {
    ...world.lab.env,
    AZUREML_HARNESS_CONFIG: world.gateway.configFile,
    AZUREML_HARNESS_HOME: home,
  }
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const answer = await world.send(JOBS, { headers: { authorization } })
  await world.settled(answer)
  decision = String(answer.headers['x-harness-decision-id'])
  const refused = await world.send(JOBS.replace('/jobs?', '?'), {
    method: 'DELETE',
    headers: { authorization },
  })
  await world.settled(refused)
  refusal = String(refused.headers['x-harness-decision-id'])
})
t.teardown(() => world.close())

/** In this process, or in one of its own where Azure's SDK reads the environment. */
const runNamed = (name: string, args: readonly string[]): Promise<Ran> =>
  ['doctor', 'policy drift', 'workspace check', 'workspace list'].includes(name)
    ? start([...words(name), ...args], env).ended
    : run([...words(name), ...args], { env })

const words = (name: string): string[] => name.split(' ')
const hasOutput = (name: string): boolean =>
  COMMANDS.get(name)?.options.some(({ long }) => long === '--output') === true

t.test(
  'a wrong option and one argument too many are status 2, and say where the help is',
  async (t) => {
    for (const name of COMMANDS.keys()) {
      for (const args of [['--frobnicate'], ['a', 'b', 'c', 'd']]) {
        // after "--" everything is the child's
        if (name === 'exec' && args.length > 1) continue
        const { status, out, err } = await run([...words(name), ...args])
        t.equal(status, 2, `${name} ${args.join(' ')}`)
        t.equal(out, '')
        t.match(err, `azureml-harness ${name} --help`)
      }
      if (!hasOutput(name)) continue
      t.match(await run([...words(name), '--output', 'xml']), { status: 2, err: /json/ }, name)
    }
  },
)

const NEED_LOGIN = [
  'token',
  'env',
  'why',
  'whoami',
  'approvals list',
  'approvals export',
  'access list',
  'audit search',
]

t.test('without arguments a command does its work, or says what it lacks', async (t) => {
  const enough = ['config schema', 'policy schema', 'logout']
  const home = join(t.testdir(), 'home')
  for (const name of COMMANDS.keys()) {
    const { status, out, err } = await run(words(name), {
      env: { AZUREML_HARNESS_HOME: home },
      cwd: t.testdirName,
    })
    if (enough.includes(name)) t.equal(status, 0, name)
    else if (NEED_LOGIN.includes(name)) t.match({ status, err }, { status: 1, err: /login/ }, name)
    else t.match({ status, out, err }, { status: 2, out: '', err: /\S/ }, name)
  }
})

/** Arguments with which a command has a result, as status and whether it is one JSON value a line. */
const RESULTS: Readonly<Record<string, () => readonly [args: string[], status: number]>> = {
  health: () => [[], 0],
  doctor: () => [[], 0],
  explain: () => [['--decision', decision], 0],
  'policy check': () => [[], 0],
  'policy test': () => [[], 0],
  'policy diff': () => {
    const { directory } = world.gateway.config.policies
    return [[directory, directory, '--replay', world.gateway.config.audit.spool.directory], 0]
  },
  'policy plan': () => {
    const { directory } = world.gateway.config.policies
    return [[directory, directory], 0]
  },
  'policy propose': () => [['--decision', refusal], 0],
  // the lab's identities have roles of Azure's own
  'policy drift': () => [['--allow-excess'], 0],
  // the lab's workspaces have gaps
  'workspace check': () => [[workspaceId()], 1],
  'workspace list': () => [[], 0],
  why: () => [[refusal], 0],
  whoami: () => [[], 0],
  can: () => [['workspaces/jobs/read', '--on', workspaceId(), '--who', 'User::okta/nobody'], 1],
  'who-can': () => [['workspaces/jobs/read', '--on', workspaceId()], 0],
  'audit cat': () => [[], 0],
  'audit search': () => [[], 0],
  'audit verify': () => [[], 0],
  'audit reconcile': () => [
    ['--rows', join(env['AZUREML_HARNESS_HOME'] ?? '', '..', 'rows.json')],
    1,
  ],
  'config check': () => [[], 0],
  token: () => [[], 0],
  logout: () => [['--gateway', 'https://nobody.example'], 0],
}
/** They need a person, or have no result; the result of `policy log` needs a repository, which policy-plan.test.ts makes. */
const WITHOUT_RESULT = [
  // files: init.test.ts
  'init',
  'policy log',
  // its gateway must be gone: ship.test.ts
  'audit ship',
  // the spool of a gateway that is over, and a bundle: evidence/evidence.test.ts
  'evidence collect',
  'evidence verify',
  'login',
  'serve',
  'env',
  'exec',
  'policy export',
  'policy schema',
  'policy matrix',
  'config schema',
  'completion',
  // it writes files: workspace/onboard.test.ts
  'workspace onboard',
]

t.test('--output json is JSON, and tsv is lines of equally many values', async (t) => {
  for (const name of COMMANDS.keys()) {
    const given = RESULTS[name]
    if (given === undefined) {
      // their results need reviews: test/approvals/cli.test.ts
      if (name.startsWith('approvals ')) continue
      // and theirs need grants: test/approvals/grants/cli.test.ts
      if (name.startsWith('access ')) continue
      t.ok(WITHOUT_RESULT.includes(name), `${name} has a line in this test`)
      continue
    }
    t.ok(hasOutput(name), `${name} takes --output`)
    const [args, status] = given()
    const json = await runNamed(name, [...args, '--output', 'json'])
    t.equal(json.status, status, `${name}: ${json.err}`)
    for (const line of json.out.trimEnd().split('\n')) t.doesNotThrow(() => JSON.parse(line), name)
    const tsv = await runNamed(name, [...args, '--output', 'tsv'])
    t.equal(tsv.status, status, name)
    const lines = tsv.out.replace(/\n$/, '').split('\n')
    if (name !== 'explain')
      t.equal(new Set(lines.map((line) => line.split('\t').length)).size, 1, name)
    const table = await runNamed(name, args)
    t.equal(table.status, status, name)
    // eslint-disable-next-line no-control-regex
    t.notMatch(table.out + table.err, /\u001B/, `${name} has no colour without a terminal`)
  }
})

/** The shell's view: a process that a signal ended is 128 and its number. */
const statusOf = ({ status, signal }: Ran & { signal: NodeJS.Signals | null }): number =>
  signal === 'SIGINT' ? 130 : status

/** A pipe without a writer: whoever opens it to read waits, until somebody has it open to write. */
function pipeIn(t: Test, name: string): string {
  const path = join(t.testdir(), name)
  t.equal(spawnSync('mkfifo', ['-m', '600', path]).status, 0)
  return path
}

/** Opens a pipe to write, if somebody reads it; what is written is up to the caller, and nothing ends it before. */
const openIfRead = (path: string): number | null => {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
}

t.test('an interrupt ends every command that waits, with 130', async (t) => {
  for (const [name, command] of COMMANDS) {
    const takesConfig = command.options.some(({ long }) => long === '--config')
    if (!takesConfig) {
      t.comment(`${name} is not interrupted here: nothing that it reads can be made to wait`)
      continue
    }
    await t.test(name, async (t) => {
      const path = pipeIn(t, 'harness.yaml')
      const more: Readonly<Record<string, string[]>> = {
        explain: ['--principal', 'x', '--request', 'GET /'],
        'policy export': ['--azure-role'],
        'policy diff': ['a', 'b', '--replay', 'c'],
        'policy plan': ['a', 'b'],
        'policy propose': ['--decision', refusal],
        can: ['workspaces/jobs/read', '--on', '/', '--who', 'x'],
        'who-can': ['workspaces/jobs/read', '--on', '/'],
        'audit reconcile': ['--rows', 'x'],
        'audit ship': ['x'],
        'workspace check': [workspaceId()],
        'workspace onboard': [workspaceId(), '--out=x', '--group=readers=Group::"okta/x"'],
        'evidence collect': [
          '--from=2026-01-01',
          '--to=2026-02-01',
          '--out=x',
          `--spool=${world.gateway.config.audit.spool.directory}`,
        ],
        'access review start': [
          '--quarter=2026Q3',
          '--out=x',
          `--spool=${world.gateway.config.audit.spool.directory}`,
        ],
        'access review apply': ['x'],
      }
      const child = start([...words(name), ...(more[name] ?? []), '--config', path])
      t.teardown(() => child.kill('SIGKILL'))
      const pipe = await eventually('it reads its configuration', async () => openIfRead(path))
      t.teardown(() => closeSync(pipe))
      child.kill('SIGINT')
      t.equal(statusOf(await child.ended), 130)
    })
  }
})

t.test(
  'an interrupt ends a gateway, a child, a sign-in and one who waits for records',
  async (t) => {
    const spool = world.gateway.config.audit.spool.directory
    const cases: readonly (readonly [args: string[], text: string, status: number])[] = [
      [['exec', '--', 'sh', '-c', 'echo started; exec sleep 60'], 'started', 130],
      [
        [
          'login',
          '--gateway',
          world.url,
          '--issuer',
          'okta',
          '--flow',
          'device',
          '--ca',
          world.lab.certificates.caFile,
        ],
        'enter the code',
        130,
      ],
      [['audit', 'cat', spool, '--follow'], 'time ', 130],
    ]
    for (const [args, text, status] of cases) {
      const child = start(args, env)
      t.teardown(() => child.kill('SIGKILL'))
      await child.saw(text)
      child.kill('SIGINT')
      t.equal(statusOf(await child.ended), status, args.join(' '))
    }
  },
)

t.test('who reads no more ends every command quietly', async (t) => {
  for (const name of COMMANDS.keys()) {
    const given = RESULTS[name]?.()[0] ?? ['--help']
    const child = spawn(process.execPath, [MAIN, ...words(name), ...given], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // closed before anything is written, as a head that has seen enough
    child.stdout.destroy()
    let err = ''
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')))
    const [status] = await once(child, 'close')
    t.ok([0, 1, 141].includes(Number(status)), `${name}: ${String(status)}`)
    t.notMatch(err, /EPIPE|\n\s+at /, name)
  }
})

t.test('colour is that of the terminal that the result goes to', async (t) => {
  const { directory } = world.gateway.config.policies
  const me = join(t.testdir({ 'me.json': '{"id": "okta/me"}' }), 'me.json')
  const args = [
    'explain',
    '--policies',
    directory,
    '--identity',
    'ml-reader',
    '--identity',
    'ml-writer',
  ]
  const question = [
    '--bindings',
    world.gateway.config.policies.bindings ?? '',
    '--principal',
    me,
    '--request',
    `GET ${JOBS}`,
  ]
  const line = [process.execPath, MAIN, ...args, ...question].map((word) => `'${word}'`).join(' ')
  // script gives the command a terminal
  const inTerminal = (command: string, more: Record<string, string> = {}): string =>
    spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], TERM: 'xterm', ...env, ...more },
    }).stdout
  if (spawnSync('script', ['--version']).error !== undefined) {
    t.comment('not looked at colour: there is no script(1) on this system')
    return
  }
  const RED = '\u001B[31mrefuse'
  t.ok(inTerminal(line).includes(RED), 'a terminal')
  t.notOk(inTerminal(line, { NO_COLOR: '1' }).includes(RED), 'NO_COLOR')
  t.notOk(
    inTerminal(`${line} | cat`).includes(RED),
    'standard output is a pipe, standard error is not',
  )
  t.ok(inTerminal(`${line} 2>/dev/null`).includes(RED), 'standard error is none')
})

t.test(
  'a file that is not there, or not what it should be, is named with what to do',
  async (t) => {
    const directory = t.testdir({ 'a.json': '{' })
    const nowhere = join(directory, 'nowhere')
    for (const [args, status] of [
      [['config', 'check', nowhere], 1],
      [['serve', '--config', nowhere], 1],
      [['policy', 'check', '--policies', nowhere], 1],
      [['audit', 'cat', nowhere], 1],
      [['audit', 'reconcile', world.gateway.config.audit.spool.directory, '--rows', nowhere], 1],
      [['explain', '--principal', nowhere, '--request', `GET ${JOBS}`], 1],
      [['config', 'schema', join(nowhere, 'x.json')], 1],
    ] as const) {
      const ran = await run(args, { env })
      t.equal(ran.status, status, args.join(' '))
      t.match(ran.err, nowhere, args.join(' '))
      t.notMatch(ran.err, /ENOENT|EISDIR/, args.join(' '))
    }
    writeFileSync(join(directory, 'me.json'), '{"kind": "planet"}')
    const wrong = await run(
      ['explain', '--principal', join(directory, 'me.json'), '--request', `GET ${JOBS}`],
      { env },
    )
    t.equal(wrong.status, 1)
    t.match(wrong.err, 'me.json')
  },
)
