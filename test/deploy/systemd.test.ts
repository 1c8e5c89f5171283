/** The unit of systemd: systemd itself checks it, and a real socket receives what the gateway tells. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { createServiceManager } from '../../src/cli/serving/service-manager.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'

const UNIT = resolve(import.meta.dirname, '../../deploy/systemd/azureml-harness.service')
const unit = readFileSync(UNIT, 'utf8')
const has = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0
const skipAnalyze = has('systemd-analyze') ? false : 'systemd-analyze is not installed'
/** Older ones judge only what is installed. */
const JUDGES_FILES = 250
const version = /systemd (\d+)/.exec(
  spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' }).stdout ?? '',
)
const skipSecurity =
  Number(version?.[1] ?? 0) >= JUDGES_FILES ? false : 'there is no systemd-analyze of 250 or newer'
const skipNotify =
  has('systemd-notify') && has('python3') ? false : 'systemd-notify or python3 is not installed'

t.test('systemd takes the unit as it is', { skip: skipAnalyze }, async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'azureml-harness.service')
  const program = join(directory, 'azureml-harness')
  writeFileSync(program, '#!/bin/sh\n')
  chmodSync(program, 0o755)
  writeFileSync(file, unit.replace('/usr/local/bin/azureml-harness', program))
  const checked = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
  const said = `${checked.stdout}${checked.stderr}`
  // of other units on this machine it may say what it will
  t.notMatch(said, /azureml-harness\.service/)
  t.notMatch(said, /unknown key|failed to parse/i)
})

t.test('it has what systemd counts as well confined', { skip: skipSecurity }, async (t) => {
  const { stdout, status } = spawnSync(
    'systemd-analyze',
    ['security', '--offline=true', '--no-pager', '--threshold=20', UNIT],
    { encoding: 'utf8' },
  )
  t.match(stdout, /Overall exposure level/)
  t.equal(
    status,
    0,
    stdout
      .split('\n')
      .filter((line) => /Overall/.test(line))
      .join(''),
  )
})

t.test('what the unit says fits the program', async (t) => {
  const of = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
  t.match(of('ExecStart'), / serve --config \S+$/)
  t.equal(of('Type'), 'notify')
  t.equal(of('NotifyAccess'), 'all', 'systemd-notify is a process of its own')
  const { properties } = JSON.parse(
    readFileSync(resolve(import.meta.dirname, '../../config/harness.schema.json'), 'utf8'),
  ) as { properties: { limits: { properties: { stopMs: { default: number } } } } }
  t.ok(Number(of('TimeoutStopSec')) * 1000 > properties.limits.properties.stopMs.default)
  t.notMatch(unit, /^MemoryDenyWriteExecute=yes/m, 'V8 compiles at run time')
})

async function listener(t: Test): Promise<{ path: string; messages: () => string[] }> {
  // paths of Unix sockets are short
  const path = `/tmp/harness-notify-${process.pid}-${Date.now()}`
  const script = resolve(import.meta.dirname, 'support/notify-socket.py')
  const child = spawn('python3', [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    spawnSync('rm', ['-f', path])
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await eventually('the socket', () => text.includes('listening'))
  const messages = (): string[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as string)
      .slice(1)
      .filter((message) => !message.startsWith('BARRIER'))
  return { path, messages }
}

t.test(
  'systemd is told of the start, of life, of reloads and of the stop',
  { skip: skipNotify },
  async (t) => {
    const { path, messages } = await listener(t)
    const world = await startGateway({
      gateway: { env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' } },
    })
    t.teardown(() => world.close())
    const all = (): string => messages().join('\n')
    await eventually('it is alive, twice', () => all().split('WATCHDOG=1').length > 2)
    t.match(messages()[0], /^READY=1\n/)
    process.kill(world.gateway.pid, 'SIGHUP')
    await eventually('the reload has ended', () => /RELOADING=1[^]*READY=1/.test(all()))
    t.notMatch(all(), /STOPPING/)
    t.equal((await world.gateway.stop()).code, 0)
    t.match(messages().at(-1), /^STOPPING=1/)
  },
)

t.test('the stop is the last that systemd is told', { skip: skipNotify }, async (t) => {
  const { path, messages } = await listener(t)
  // a sign of life each millisecond, many of them while it is told of the stop
  const manager = createServiceManager({
    env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '2000', PATH: process.env['PATH'] },
    failed: (why) => t.fail(why),
  })
  await manager.ready()
  await eventually('it is alive', () => messages().includes('WATCHDOG=1'))
  await manager.stopping()
  await manager.reloading(async () => {})
  t.match(messages().at(-1), /^STOPPING=1/)
})

t.test('where systemd cannot be told, it is said once, and nothing else happens', async (t) => {
  const said: string[] = []
  const failed = (why: string): void => void said.push(why)
  const nowhere = { NOTIFY_SOCKET: '/nowhere', PATH: t.testdir() }
  const manager = createServiceManager({ env: nowhere, failed })
  await manager.ready()
  await manager.stopping()
  t.same(said, ['ENOENT'])
  const unasked = createServiceManager({ env: { PATH: '' }, failed })
  let runs = 0
  await unasked.ready()
  await unasked.reloading(async () => void (runs += 1))
  await unasked.stopping()
  t.same([runs, said.length], [1, 1])
})
