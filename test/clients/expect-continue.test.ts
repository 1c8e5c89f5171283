/**
 * A client that asks before it sends (`Expect: 100-continue`, as curl does): a refusal is all that it is told, and it
 * sends nothing; a yes is said when somebody reads the body.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'

const MB = 1024 * 1024
const W = workspaceId()
const JOB = `${W}/jobs/j?api-version=2024-04-01`
const FILE = `/artifact/v2.0${W}/artifacts/ExperimentRun/dcid.r/content?path=x`

let world: World
const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-expect-'))
const big = join(directory, 'big')
const small = join(directory, 'small')
t.before(async () => {
  world = await startGateway()
  await writeFile(small, '{"properties":{"jobType":"Command"}}')
  await writeFile(big, '')
  await truncate(big, 500 * MB)
})
t.teardown(async () => {
  await world.close()
  await rm(directory, { recursive: true, force: true })
})

/** What curl sent and got: statuses of all answers, in order, and how many bytes of the body it was asked for. */
async function curl(method: string, path: string, token: string, file: string) {
  const { caFile } = world.lab.certificates
  const args = ['--silent', '--cacert', caFile, '--include', '--output', '-', '--max-time', '60']
  args.push('--write-out', '\nsent %{size_upload}', '--request', method, '--upload-file', file)
  // longer than any answer here takes: curl sends by itself when nobody has said anything for so long
  args.push('--expect100-timeout', '30', '--header', 'Expect: 100-continue')
  args.push(
    '--header',
    `Authorization: Bearer ${token}`,
    '--header',
    'Content-Type: application/json',
  )
  const child = spawn('curl', [...args, `${world.url}${path}`])
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  await once(child, 'close')
  return {
    statuses: [...text.matchAll(/^HTTP\/1.1 (\d{3})/gm)].map(([, status]) => status),
    sent: Number(/sent (\d+)$/.exec(text)?.[1]),
  }
}

t.test('who is refused is asked for nothing', async (t) => {
  const ended = await world.lab.token('scientist', {
    claims: { exp: Math.floor(Date.now() / 1000) - 3600 },
  })
  const reader = await world.lab.token('reader')
  const scientist = await world.lab.token('scientist')
  t.same(await curl('PUT', JOB, ended, big), { statuses: ['401'], sent: 0 })
  t.same(await curl('PUT', JOB, reader, big), { statuses: ['403'], sent: 0 })
  t.same(await curl('POST', FILE, reader, big), { statuses: ['403'], sent: 0 })
  t.same(await curl('PUT', '/nothing', scientist, big), { statuses: ['404'], sent: 0 })
  t.same(await curl('PUT', JOB, scientist, big), { statuses: ['413'], sent: 0 }, 'nor too much')
  t.same(world.lab.requests(), [])
})

t.test('who may send is asked for the body, read or streamed', async (t) => {
  const token = await world.lab.token('scientist')
  const read = await curl('PUT', JOB, token, small)
  t.match(read, { statuses: ['100', /^20[01]$/], sent: 36 })
  t.same(await curl('POST', FILE, token, small), { statuses: ['100', '200'], sent: 36 })
})
