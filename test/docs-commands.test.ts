/** Every block of shell commands in the documents is run against a lab, or says why it is not; the names in all are right. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { delimiter, dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { readLabFile } from '../lab/lab-file.ts'
import { workspaceId } from '../lab/personas.ts'
import { COMMANDS } from './cli/support/run.ts'
import { signIn } from './cli/support/signed-in.ts'
import {
  blocks,
  documents,
  TRIED,
  type Block,
  type Tried,
  type Value,
} from './support/doc-blocks.ts'
import { eventually } from './support/eventually.ts'
import { readSpool, startGateway, type World } from './support/gateway.ts'

t.setTimeout(540_000)

const ROOT = resolve(import.meta.dirname, '..')
const NODE = process.execPath
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
/** Stands where bash would wait for ever. */
const LIMIT_MS = 120_000

const directory = t.testdir({
  bin: {
    'azureml-harness': `#!/bin/sh\nexec '${NODE}' '${join(ROOT, 'src/main.ts')}' "$@"\n`,
    python: '#!/bin/sh\nexec python3 "$@"\n',
  },
  'train.py': 'import os\nprint("trained with", os.environ["MLFLOW_TRACKING_URI"])\n',
  lab: {},
})
for (const name of readdirSync(join(directory, 'bin')))
  chmodSync(join(directory, 'bin', name), 0o755)

let world: World
let values: Readonly<Record<Value, string>>
let env: Record<string, string | undefined>

t.before(async () => {
  world = await startGateway()
  const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
  await world.settled(await world.send(JOBS, { headers }))
  await world.settled(await world.send(JOBS.replace('/jobs?', '?'), { method: 'DELETE', headers }))
  // a copy: the gateway may be writing
  const spool = join(directory, 'spool')
  cpSync(world.gateway.config.audit.spool.directory, spool, { recursive: true })
  const records = (await readSpool(spool)).map((row) => row['EventUid'])
  const stored = await world.rows((rows) => {
    const known = new Set(rows.map((row) => row['EventUid']))
    return records.every((one) => known.has(one))
  })
  const rows = join(directory, 'rows.json')
  writeFileSync(rows, JSON.stringify(stored))
  const segment = readdirSync(spool, { recursive: true, encoding: 'utf8' }).find((name) =>
    /\/[^/]+\.jsonl$/.test(name),
  )
  const home = join(directory, 'home')
  await signIn(home, world)
  values = {
    gateway: world.url,
    ca: world.lab.certificates.caFile,
    spool,
    segment: join(spool, segment ?? ''),
    rows,
    config: world.gateway.configFile,
    token: await world.lab.token('scientist'),
  }
  env = {
    ...world.lab.env,
    PATH: [join(directory, 'bin'), dirname(NODE), process.env['PATH']].join(delimiter),
    HOME: process.env['HOME'],
    AZUREML_HARNESS_HOME: home,
    CA: values.ca,
    W: workspaceId(),
    WORKSPACE_ID: workspaceId(),
    VALUE: 'value',
    KEY: 'key',
  }
})
t.teardown(() => world.close())

/** What bash runs of a block. */
function script(t: Test, block: Block, tried: Exclude<Tried, { notRun: string }>): string {
  let script = `${block.text}${tried.after ?? ''}\n`
  for (const [part, why] of tried.leftOut ?? []) {
    t.ok(script.includes(part), `it has "${part}"`)
    t.comment(`not run: ${part.trim()}: ${why}`)
    script = script.replaceAll(part, '')
  }
  for (const [example, value] of tried.values ?? []) {
    t.ok(script.includes(example), `it has "${example}"`)
    script = script.replaceAll(example, values[value])
  }
  return script
}

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Not with spawnSync: the lab answers in this process. */
async function bash(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  const [closed, stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { status: closed[0] as number | null, stdout, stderr }
}

const README = blocks().filter(({ name }) => name.startsWith('README.md: '))
const [START, CALLS] = README

t.test('the README: a lab is started, and called as it says', async (t) => {
  const tried = (block: Block | undefined): readonly [string, RegExp] => {
    const how = block === undefined ? undefined : TRIED[block.name]
    if (block === undefined || how === undefined || 'notRun' in how) throw new Error('is not run')
    return [script(t, block, how), how.out]
  }
  const LAB_DIR = join(directory, 'lab')
  const labEnv = { ...process.env, PATH: env['PATH'], LAB_DIR, LAB_PORT: '0', HARNESS_PORT: '0' }
  const [start, started] = tried(START)
  const child = spawn('bash', ['-euo', 'pipefail', '-c', start], {
    cwd: ROOT,
    env: labEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const stop = (): void => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
  }
  t.teardown(stop)
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')))
  await eventually('the lab is up', async () => started.test(out), 60_000)
  const lab = await readLabFile(LAB_DIR)
  values = { ...values, gateway: lab?.gateway ?? '', ca: lab?.ca ?? '' }
  const [calls, answers] = tried(CALLS)
  const ran = await bash(calls, ROOT, labEnv)
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stdout, answers)
  values = { ...values, gateway: world.url, ca: world.lab.certificates.caFile }
})

t.test('every other block', async (t) => {
  for (const block of blocks()) {
    const tried = TRIED[block.name]
    if (tried === undefined || block === START || [START?.name, CALLS?.name].includes(block.name))
      continue
    await t.test(block.name, async (t) => {
      const syntax = spawnSync('bash', ['-n'], { input: block.text, encoding: 'utf8' })
      t.equal(syntax.status, 0, syntax.stderr)
      if ('notRun' in tried) {
        t.comment(`not run: ${tried.notRun}`)
        return
      }
      const { status, stdout, stderr } = await bash(script(t, block, tried), directory, env)
      t.equal(status, 0, stderr)
      t.match(stdout, tried.out)
    })
  }
})

t.test('scripts and files that blocks name are there', async (t) => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  )
  for (const { name, text } of blocks()) {
    for (const [, script = ''] of text.matchAll(/\bnpm run (?:-s )?([\w:]+)/g))
      t.ok(script in scripts, `${name}: npm run ${script}`)
    for (const [, file = ''] of text.matchAll(
      /(?<![\w/.-])((?:test|bench|deploy|lab|config)\/[\w./-]+)/g,
    ))
      t.ok(existsSync(join(ROOT, file)), `${name}: ${file}`)
  }
})

t.test('commands that any document names exist, with their options', async (t) => {
  let count = 0
  for (const file of documents()) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    for (const [, line = ''] of text.matchAll(
      /(?:`|^|\$\(|\| |"|run -s cli -- )azureml-harness ([a-z][^`\n)|"]*)/gm,
    )) {
      const words = line.split(/\s+/)
      const name = [3, 2, 1]
        .map((size) => words.slice(0, size).join(' '))
        .find((one) => COMMANDS.has(one))
      // a group, or a sentence that goes on
      if (name === undefined) {
        const isGroup = [...COMMANDS.keys()].some((one) => one.startsWith(`${words[0]} `))
        t.ok(isGroup && words.length === 1, `${file}: azureml-harness ${line}`)
        continue
      }
      count += 1
      const own = line.split(/\s--(?:\s|$)/)[0] ?? ''
      const known = COMMANDS.get(name)?.options.map(({ long }) => long) ?? []
      for (const [option] of own.matchAll(/--[a-z][a-z-]*/g))
        t.ok([...known, '--help'].includes(option), `${file}: azureml-harness ${name} ${option}`)
    }
  }
  t.ok(count > 40, `${count} commands`)
})
