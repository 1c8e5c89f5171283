/** The commands of reviewers and authors, as they are typed, against a gateway; and a ledger checked without it. */
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { browse } from '../cli/support/browse.ts'
import { run } from '../cli/support/run.ts'
import { reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

t.setTimeout(120_000)
let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing()
})
t.teardown(() => reviewing.close())

/** Signs in as people do, with a browser that plain requests drive. */
async function home(t: Test, persona: string): Promise<Readonly<Record<string, string>>> {
  const { world } = reviewing
  const env = { AZUREML_HARNESS_HOME: join(t.testdir(), persona) }
  const visits: Promise<unknown>[] = []
  const args = ['login', '--gateway', world.url, '--issuer', 'entra', '--flow', 'browser']
  const ran = await run([...args, '--no-open'], {
    env,
    onErr(line) {
      const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(browse(url, persona, world.lab.certificates.ca))
    },
  })
  await Promise.all(visits)
  if (ran.status !== 0) throw new Error(ran.err)
  return env
}

const BODY = { location: 'eastus', properties: { authMode: 'AADToken' } }

t.test(
  'list, show, comment, approve, wait; then the call is made and the ledger holds',
  async (t) => {
    const { call, ledger, world } = reviewing
    const path = `${W}/onlineEndpoints/by-cli${V}`
    const { id } = reviewIn(await call('scientist', 'PUT', path, BODY))
    const env = await home(t, 'reviewer')
    const approvals = async (...args: string[]) => run(['approvals', ...args], { env })

    const listed = await approvals('list', '--to-me', '--output', 'json')
    t.equal(listed.status, 0, listed.err)
    t.match(JSON.parse(listed.out), [{ id, state: 'open', method: 'PUT' }])
    t.match((await approvals('list', '--to-me')).out, id)
    t.match((await approvals('list', '--mine')).out, 'no such reviews')
    const shown = await approvals('show', id)
    t.match(shown.out, /\/properties\/authMode +\(nothing\) +-> +"AADToken"/)
    t.match(shown.out, `azureml-harness approvals approve ${id}`)
    t.match(await approvals('show', 'x'), { status: 2, err: 'k3f5q2m7x2v4b6ta-1' })
    t.match(await approvals('show', 'aaaaaaaaaaaaaaaa-1'), { status: 1, err: 'no such review' })
    t.match(await approvals('reject', id), { status: 2, err: '--comment' })
    t.equal((await approvals('comment', id, '--comment', 'looks small')).status, 0)
    t.match(await approvals('comment', id, 'and is well tested'), {
      status: 0,
      out: 'and is well tested',
    })
    t.match(await approvals('comment', id), { status: 2, err: '--comment' })
    const approved = await approvals('approve', id, '--comment', 'fine')
    t.equal(approved.status, 0, approved.err)
    t.match(approved.out, 'approved')
    t.match(await approvals('wait', id), { status: 0, out: 'approved\n' })
    t.equal((await call('scientist', 'PUT', path, BODY)).status, 201)
    t.match(await approvals('wait', id), { status: 5, out: 'used\n' })
    t.match(await approvals('approve', id), { status: 1, err: 'this review is used' })

    const keys = join(t.testdirName, 'keys.json')
    await writeFile(keys, (await world.send('/_harness/keys')).text)
    const copy = join(t.testdirName, 'copy')
    await cp(ledger, copy, { recursive: true })
    const verify = async (...more: string[]) =>
      run(['approvals', 'verify', copy, '--keys', keys, ...more], {})
    const whole = await verify('--output', 'json')
    t.match(whole, { status: 0 })
    t.match(JSON.parse(whole.out), { reviews: 1, documents: 6, faults: [] })

    const documents = async (...more: string[]) => {
      const ran = await run(['approvals', 'export', '--documents', copy, '--keys', keys, ...more])
      const lines = ran.out.trim().split('\n')
      return { ...ran, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
    }
    const all = await documents()
    t.equal(all.status, 0, all.err)
    t.equal(all.lines.length, 7)
    t.ok(all.lines.slice(0, -1).every(({ verified }) => verified === 'valid'))
    const population = {
      kind: 'population',
      inPeriod: 1,
      inLedger: 1,
      documents: 6,
      forged: [],
      withoutRequest: [],
      overdue: [],
      namesDigest: /^[0-9a-f]{64}$/,
    }
    t.match(all.lines.at(-1), population)
    const before = await documents('--until', '2020-01-01')
    t.match(before.lines, [{ kind: 'population', inPeriod: 0, inLedger: 1, until: /^2020/ }])
    t.equal((await documents('--since', '1d')).lines.length, 7)
    t.match(await run(['approvals', 'export', '--documents', copy], {}), {
      status: 2,
      err: '--keys',
    })
    await rename(join(copy, 'r'), join(copy, 'away'))
    t.match(await documents(), { status: 1, lines: [{}, {}, {}, {}, {}, { withoutRequest: [id] }] })
    await rename(join(copy, 'away'), join(copy, 'r'))

    const folder = join(copy, 'v', id)
    for (const name of await readdir(folder)) {
      const file = join(folder, name)
      const text = await readFile(file, 'utf8')
      await writeFile(file, text.replace('"signature":"', '"signature":"A'))
      t.match(await verify(), { status: 1, out: `v/${id}/${name}: was not signed` })
      t.match(await documents(), { status: 1, out: '"verified":"forged","document":null' })
      await writeFile(file, text)
    }
    await rm(folder, { recursive: true })
    t.match(await verify(), { status: 1, out: `${id}: use 1 had 0 approvals of 1` })
  },
)

t.test(
  'request asks for a review and makes nothing; export names models of registries',
  async (t) => {
    const env = await home(t, 'scientist')
    const approvals = async (...args: string[]) => run(['approvals', ...args], { env })
    const { world, call } = reviewing
    await world.clear()
    const file = join(t.testdirName, 'deployment.json')
    const model = 'azureml://registries/azureml/models/churn/versions/3'
    const body = {
      location: 'eastus',
      properties: { endpointComputeType: 'Managed', model, instanceType: 'Standard_DS3_v2' },
    }
    await writeFile(file, JSON.stringify(body))
    const path = `${W}/onlineEndpoints/by-cli/deployments/blue${V}`
    const words = ['--call', `PUT ${path}`, '--body', file, '--reason', 'größer & besser']
    const asked = await approvals('request', ...words, '--output', 'json')
    t.equal(asked.status, 0, asked.err)
    const { id } = JSON.parse(asked.out) as { id: string }
    t.same(
      world.lab.requests().filter(({ method }) => method !== 'GET'),
      [],
      'nothing was made',
    )
    t.match((await approvals('show', id)).out, 'größer & besser')
    t.match(await approvals('request', '--call', `GET ${path}`), { status: 2, err: '--call' })
    t.match(await approvals('request', '--call', `PUT ${path}`, '--body', 'none.json'), {
      status: 1,
      err: 'none.json cannot be read',
    })
    const needless = `PUT ${W}/jobs/needless${V}`
    t.match(await approvals('request', '--call', needless, '--body', file), { status: 1 })
    const exported = async () =>
      JSON.parse((await approvals('export')).out) as { allowedAssetIds: { value: string[] } }
    t.same((await exported()).allowedAssetIds.value, [], 'open is not approved')
    t.equal((await reviewing.approve('reviewer', id)).status, 200)
    t.same((await exported()).allowedAssetIds.value, [model])
    t.match(await approvals('export', '--azure-policy'), { status: 0, out: model })
    t.match(await approvals('export', '--add', 'x'), { status: 2, err: 'azureml://registries/' })
    t.match(await approvals('remind', id), { status: 1, err: 'this review is approved' })
    t.equal((await call('reader', 'GET', `/_harness/api/reviews/${id}`)).status, 404)
  },
)
