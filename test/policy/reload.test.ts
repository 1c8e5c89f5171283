import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { PolicyError } from '../../src/policy/load/faults.ts'
import { createLivePolicy } from '../../src/policy/reload.ts'
import { operation, principal, writePolicies } from './support.ts'

const PERMIT =
  '@id("all") @reason("all") @identity("ml-writer") permit (principal, action, resource);'
const job = operation('workspaces/jobs/write')

t.test('a reload changes everything at once', async (t) => {
  const options = await writePolicies(t, { 'a.cedar': PERMIT })
  const live = await createLivePolicy(options)
  const first = live.current().version
  t.ok(live.decide(principal(), job, {}).permit !== null)
  t.match(await live.reload(), { outcome: 'unchanged', version: first })
  await writeFile(join(options.directory, 'a.cedar'), '')
  const [one, other] = await Promise.all([live.reload(), live.reload()])
  t.match(one, { outcome: 'changed', before: first, after: live.current().version })
  t.equal(one, other, 'overlapping reloads are one')
  const verdict = live.decide(principal(), job, {})
  t.equal(verdict.permit, null)
  t.equal(verdict.decision.version, live.current().version)
})

t.test('a reload with a broken file changes nothing and says so', async (t) => {
  const options = await writePolicies(t, { 'a.cedar': PERMIT })
  const live = await createLivePolicy(options)
  const { version } = live.current()
  for (const [file, text] of [
    ['a.cedar', 'permit (principal, action, resource'],
    ['bindings.yaml', 'bindings: [{ id: x }]'],
  ] as const) {
    await writeFile(join(options.directory, file), text)
    const outcome = await live.reload()
    t.match(outcome, { outcome: 'kept', version, error: PolicyError })
    t.equal(live.current().version, version)
    t.ok(live.decide(principal(), job, {}).permit !== null)
  }
  await writeFile(join(options.directory, 'a.cedar'), PERMIT)
  await writeFile(join(options.directory, 'bindings.yaml'), 'bindings: []\n')
  t.match(await live.reload(), { outcome: 'unchanged' }, 'and is whole again once the files are')
})

t.test('there is no start without sound policies', async (t) => {
  const options = await writePolicies(t, { 'a.cedar': 'nonsense' })
  await t.rejects(createLivePolicy(options), PolicyError)
})
