/**
 * From a refusal to the same call succeeding: one message and one command on each side. The caller uses the published
 * Python SDK, the operator the command line on a policy repository.
 */
import { cp, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { loadPolicy } from '../../src/policy/load/load.ts'
import type { PolicySet } from '../../src/policy/load/rules.ts'
import { memberOf, whatCan } from '../../src/policy/review/who-can.ts'
import { browse } from '../cli/support/browse.ts'
import { run } from '../cli/support/run.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { environment, runScript, said, settings } from './support/published.ts'

const CONTACT = 'ml-platform@contoso.example'
const IDENTITIES = ['ml-reader', 'ml-writer']

/** Signs in at the gateway with a browser that plain requests drive. */
async function signIn(world: World, home: string, persona: string): Promise<void> {
  const visits: Promise<unknown>[] = []
  const args = ['login', '--gateway', world.url, '--issuer', 'okta', '--flow', 'browser']
  const ran = await run([...args, '--no-open'], {
    env: { AZUREML_HARNESS_HOME: home },
    onErr(line) {
      const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(browse(url, persona, world.lab.certificates.ca))
    },
  })
  await Promise.all(visits)
  if (ran.status !== 0) throw new Error(ran.err)
}

/** What everybody whom these policies name may do on the lab's workspace, and what a stranger may. */
function matrix(set: PolicySet): ReadonlyMap<string, string> {
  const cells = new Map<string, string>()
  const who = new Map([['stranger', memberOf({ type: 'User', id: 'okta/stranger' })]])
  for (const { principal } of set.rules.values())
    if (principal !== null) who.set(`${principal.type} ${principal.id}`, memberOf(principal))
  for (const [name, principal] of who)
    for (const { action, may } of whatCan(
      set,
      principal,
      set.words.actions,
      workspaceId().toLowerCase(),
    ))
      cells.set(`${name} ${action.id}`, may)
  return cells
}

const file = environment(t, 'python')
if (file !== null) {
  t.setTimeout(900_000)
  t.test('one message, one command a side, and nothing else is permitted', async (t: Test) => {
    const policies = join(t.testdir(), 'policies')
    await cp('policies', policies, { recursive: true })
    await cp('lab/gateway/bindings.yaml', join(policies, 'bindings.yaml'))
    const world = await startGateway({
      lab: { storage: true },
      gateway: {
        change: (config) => ({
          ...config,
          help: { contact: CONTACT },
          policies: { directory: policies },
        }),
      },
    })
    t.teardown(() => world.close())
    const home = join(t.testdirName, 'home')
    await signIn(world, home, 'reader')
    const before = await loadPolicy({
      directory: policies,
      bindings: join(policies, 'bindings.yaml'),
      identities: IDENTITIES,
    })

    const submit = async (): Promise<Record<string, unknown>> => {
      const done = await runScript(file, 'one_job.py', await settings(world, 'reader'))
      t.equal(done.code, 0, 'the script ends well', { said: said(done) })
      return done.result ?? {}
    }
    const refused = await submit()
    const text = String(refused['refusal'])
    t.match(text, `ask ${CONTACT}`)
    // the SDK itself shows a message twice, under its code and by its name
    t.equal(text.split('no policy permits this call').length, 3, 'and not said again', { text })
    const [, decision = ''] = /azureml-harness why ([0-9a-f-]{36})/.exec(text) ?? []
    t.not(decision, '', 'the SDK shows the command to ask why')

    // the caller's one command
    const why = await run(['why', decision], { env: { AZUREML_HARNESS_HOME: home } })
    t.equal(why.status, 0, why.err)
    t.match(why.out, /your groups that count: okta\/ml-readers/)
    t.match(why.out, /data-scientist: adds \d+ actions, 63 of them delete, 5 hand out secrets/)
    t.match(why.out, `ask ${CONTACT}`)

    // the operator's one command, for the one message: the decision's id
    const configFile = join(dirname(world.lab.spool), 'harness.yaml')
    const args = ['policy', 'propose', '--config', configFile, '--decision', decision, '--write']
    const proposed = await run([...args, '--output', 'json'])
    t.equal(proposed.status, 0, proposed.err)
    const answered = JSON.parse(proposed.out) as {
      kind: string
      path: string
      gain: { actions: number; secrets: number }
      changes: { count: number }[]
    }
    t.match(answered, { kind: 'binding', written: true })
    t.ok(answered.changes.length > 0, 'the refused call itself is among those that change')
    t.same(await readdir(join(policies, 'bindings.d')), [answered.path.split('/').at(-1)])

    const granted = await eventually('the same call succeeds', async () => {
      const again = await submit()
      return again['name'] === 'asked-for' && again
    })
    t.equal(granted['refusal'], null)

    const after = await loadPolicy({
      directory: policies,
      bindings: join(policies, 'bindings.yaml'),
      identities: IDENTITIES,
    })
    const was = matrix(before)
    const changed = [...matrix(after)].filter(([cell, may]) => was.get(cell) !== may)
    t.ok(changed.length > 0)
    t.ok(
      changed.every(([cell]) => cell.startsWith('Group okta/ml-readers ')),
      'nobody else may anything else',
      { changed },
    )
    t.ok(changed.length <= answered.gain.actions, 'and no more than it said')

    const second = await run([...args, '--output', 'json'])
    t.equal(second.status, 1)
    t.match(second.err, /nothing to propose: the call is permitted now/)
  })
}
