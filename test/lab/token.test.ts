import { execFile } from 'node:child_process'
import { decodeJwt } from 'jose'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { writeLabFile } from '../../lab/lab-file.ts'
import type { Lab } from '../../lab/lab.ts'
import { lab } from './helper.ts'

const TOKEN = fileURLToPath(new URL('../../lab/identity/token.ts', import.meta.url))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

function run(directory: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, LAB_DIR: directory }
    execFile(process.execPath, [TOKEN, ...args], { env }, (error, out, err) => {
      resolve({ code: Number(error?.code ?? 0), out, err })
    })
  })
}

async function written(of: Lab): Promise<void> {
  await writeLabFile(of.directory, {
    gateway: 'https://localhost:1',
    ca: of.certificates.caFile,
    subscription: 's',
    resourceGroup: 'r',
    workspace: 'w',
    upstream: of.urls.upstream,
    ingestion: of.urls.ingestion,
    spool: of.spool,
    personas: {
      scientist: { issuer: of.issuers.entra.url, tokenCommand: 'x' },
      service: { issuer: of.issuers.okta.url, tokenCommand: 'x' },
    },
  })
}

t.test('prints a fresh token and nothing else', async (t) => {
  const running = await lab(t)
  await written(running)
  const first = await run(running.directory, 'scientist')
  t.equal(first.code, 0)
  t.equal(first.err, '')
  t.equal(decodeJwt(first.out.trim()).iss, running.issuers.entra.url)
  const second = await run(running.directory, 'scientist')
  t.not(second.out, first.out)
  const service = await run(running.directory, 'service')
  t.equal(decodeJwt(service.out.trim())['cid'], '0oa1service')
})

t.test('an unknown persona is an error that names the known ones', async (t) => {
  const running = await lab(t)
  await written(running)
  for (const name of ['nobody', 'constructor']) {
    const ran = await run(running.directory, name)
    t.equal(ran.code, 2)
    t.match(ran.err, /scientist, service/)
    t.equal(ran.out, '')
  }
})

t.test('without a running lab it says what to do', async (t) => {
  const ran = await run(t.testdir(), 'scientist')
  t.equal(ran.code, 1)
  t.match(ran.err, /npm start/)
  const running = await lab(t)
  await written(running)
  await running.close()
  const stopped = await run(running.directory, 'scientist')
  t.equal(stopped.code, 1)
  t.match(stopped.err, /npm start/)
})

t.test('help is printed, and no name at all is a usage error', async (t) => {
  const directory = t.testdir()
  t.match(await run(directory, '--help'), { code: 0, out: /^Usage: / })
  t.match(await run(directory), { code: 2, out: '', err: /^Usage: / })
})
