import { exec, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { access, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { LAB_CONTACT } from '../../lab/gateway/harness-config.ts'
import { workspaceId } from '../../lab/personas.ts'
import { request } from '../../lab/server/http.ts'
import { loadConfig } from '../../src/config/load.ts'
import { readLabFile, type LabFile } from '../../lab/lab-file.ts'
import { until } from '../support/eventually.ts'

const START = fileURLToPath(new URL('../../lab/start.ts', import.meta.url))
const HEALTH = fileURLToPath(new URL('../../lab/server/health.ts', import.meta.url))
const READY_MS = 60_000

interface Started {
  readonly child: ChildProcess
  readonly file: LabFile
  readonly directory: string
  readonly out: () => string
  readonly exited: Promise<number | null>
}

async function start(t: Test, more: Record<string, string> = {}): Promise<Started> {
  const directory = t.testdir()
  const env = { ...process.env, LAB_DIR: directory, LAB_PORT: '0', HARNESS_PORT: '0', ...more }
  const child = spawn(process.execPath, [START], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGTERM'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const deadline = Date.now() + READY_MS
  while (Date.now() < deadline && child.exitCode === null) {
    const file = await readLabFile(directory)
    if (file !== null) return { child, file, directory, out: () => text, exited }
    await delay(50)
  }
  throw new Error(`the lab did not come up\n${text}`)
}

/** Waits until the gateway answers ready; what it answers before that does not matter. */
async function ready(file: LabFile): Promise<void> {
  const ca = await readFile(file.ca, 'utf8')
  await until(async () => {
    const reply = await request(`${file.gateway}/_harness/readyz`, { ca }).catch(() => null)
    return reply?.status === 200
  })
}

t.test('lab.json is there before the gateway is', async (t) => {
  const directory = t.testdir()
  const env = { ...process.env, LAB_DIR: directory, LAB_PORT: '0', HARNESS_PORT: '0' }
  const child = spawn(process.execPath, [START], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGTERM'))
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('starting the gateway')) break
  }
  const file = await readLabFile(directory)
  t.not(file, null)
  child.stdout.resume()
  if (file !== null) await ready(file)
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'close'), [0, null])
})

/** A newcomer who is refused is told whom to ask and how to ask why, and gets an answer. */
async function helps(t: Test, file: LabFile, directory: string): Promise<void> {
  const ca = await readFile(file.ca, 'utf8')
  const { stdout } = await promisify(exec)(file.personas['reader']?.tokenCommand ?? '', {
    env: { ...process.env, LAB_DIR: directory },
  })
  const headers = { authorization: `Bearer ${stdout.trim()}`, 'content-type': 'application/json' }
  const job = `${file.gateway}${workspaceId()}/jobs/first?api-version=2024-04-01`
  const refused = await request(job, { ca, method: 'PUT', headers, body: '{}' })
  t.equal(refused.status, 403)
  const { error } = JSON.parse(refused.text()) as {
    error: { message: string; additionalInfo: { info: { access: Record<string, string> } }[] }
  }
  const { contact, contactUrl, command, url } = error.additionalInfo[0]?.info.access ?? {}
  t.match(error.message, `; ask ${LAB_CONTACT}, https://lab.example/access?decision=`)
  t.match({ contact, contactUrl }, { contact: LAB_CONTACT, contactUrl: /decision=[\w-]{36}$/ })
  t.match(command, /^azureml-harness why [\w-]{36}\.[\w-]+\.[\w-]+$/, 'good on every replica')
  const why = await request(url ?? '', { ca, headers })
  t.match(JSON.parse(why.text()), { hasAccess: true, help: { contact: LAB_CONTACT } })
}

t.test('npm start brings all of it up, says where, and a signal takes it down', async (t) => {
  const { child, file, directory, out, exited } = await start(t)
  const ca = await readFile(file.ca, 'utf8')
  await ready(file)
  t.equal((await request(`${file.upstream}/_lab/requests`, { ca })).status, 200)
  t.equal((await request(`${file.ingestion}/_lab/rows`, { ca })).status, 200)
  t.strictSame(Object.keys(file), [
    'gateway',
    'ca',
    'subscription',
    'resourceGroup',
    'workspace',
    'upstream',
    'ingestion',
    'spool',
    'personas',
  ])
  const names = ['scientist', 'reader', 'reviewer', 'service', 'cluster', 'outsider']
  t.strictSame(Object.keys(file.personas), names)
  await access(file.spool)
  await helps(t, file, directory)
  t.match(out(), new RegExp(`\\nThe console +${file.gateway}/_harness/console `))
  t.ok(out().indexOf('The console') < out().indexOf('The gateway  '), 'the console first')
  // as under npm: once from the terminal, once handed on
  child.kill('SIGINT')
  await delay(20)
  child.kill('SIGINT')
  t.equal(await exited, 0, out())
  t.equal(await readLabFile(directory), null)
  await t.rejects(request(`${file.gateway}/_harness/readyz`, { ca }), { code: 'ECONNREFUSED' })
  await t.rejects(request(`${file.upstream}/_lab/requests`, { ca }), { code: 'ECONNREFUSED' })
})

t.test('if the gateway dies, the lab says how and ends with an error', async (t) => {
  const { file, out, exited } = await start(t)
  const pid = await until(() => /\(process (\d+)\)/.exec(out())?.[1])
  process.kill(Number(pid), 'SIGKILL')
  t.equal(await exited, 1)
  t.match(out(), /the gateway has ended by itself: signal SIGKILL/)
  const ca = await readFile(file.ca, 'utf8')
  await t.rejects(request(`${file.upstream}/_lab/requests`, { ca }), { code: 'ECONNREFUSED' })
})

t.test('without a gateway it leaves what a gateway in another container needs', async (t) => {
  const header = 'shared-with-the-other-container'
  const { child, file, directory, out, exited } = await start(t, {
    LAB_GATEWAY: 'none',
    LAB_HOST: 'localhost',
    LAB_IDENTITY_HEADER: header,
    HARNESS_PORT: '8443',
  })
  const config = await loadConfig(`${directory}/harness.yaml`)
  t.equal(config.cloud.resourceManager, file.upstream)
  t.equal(config.policies.bindings, `${directory}/bindings.yaml`)
  await access(`${directory}/bindings.yaml`)
  const env = { ...process.env, LAB_DIR: directory }
  const health = spawn(process.execPath, [HEALTH], { env, stdio: 'ignore' })
  t.strictSame(await once(health, 'close'), [0, null], 'healthy')
  child.kill('SIGTERM')
  t.equal(await exited, 0, out())
  const after = spawn(process.execPath, [HEALTH], { env, stdio: 'ignore' })
  t.strictSame(await once(after, 'close'), [1, null], 'no longer healthy')
})

t.test('a port that is no port is named', async (t) => {
  const env = { ...process.env, LAB_DIR: t.testdir(), LAB_PORT: 'http' }
  const child = spawn(process.execPath, [START], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  const [code] = (await once(child, 'close')) as [number]
  t.equal(code, 1)
  t.match(text, /LAB_PORT must be a port, not "http"/)
})
