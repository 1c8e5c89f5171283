/** What a change of policies changes, and which commit a version of them is. */
import { execFileSync } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from './support/run.ts'
import { SHIPPED } from '../policy/support.ts'

const IDS = ['--identity', 'ml-reader', '--identity', 'ml-writer']

/** A copy of the shipped policies that may be changed. */
async function copyIn(t: Test, name: string): Promise<string> {
  const directory = join(t.testdir(), name)
  await cp(SHIPPED, directory, { recursive: true })
  return directory
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(file, 'utf8')
  await writeFile(file, change(text))
}

const plan = (now: string, ...args: string[]) =>
  run(['policy', 'plan', SHIPPED, now, ...IDS, ...args])

t.test('the same policies are no change', async (t) => {
  t.match(await plan(SHIPPED), { status: 0, out: 'nobody may do more or less\n', err: '' })
})

t.test('a policy more permits its action to its group, and nothing else changes', async (t) => {
  const directory = await copyIn(t, 'more')
  await writeFile(
    join(directory, 'more.cedar'),
    `@id("more") @reason("r") @identity("ml-reader")
permit (principal in Group::"okta/planners", action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/read", resource);`,
  )
  const { status, out } = await plan(directory, '--output', 'json')
  t.equal(status, 2)
  const { changes, rules } = JSON.parse(out)
  t.same(rules, ['more'])
  t.ok(changes.length > 0)
  for (const change of changes)
    t.match(change, {
      principal: { type: 'Group', id: 'okta/planners' },
      before: 'refuse',
      actions: ['Microsoft.MachineLearningServices/workspaces/jobs/read'],
    })
  t.match(
    (await plan(directory)).out,
    /^[+~] Group okta\/planners on .*\n {4}workspaces\/jobs\/read/,
  )
  const back = await run(['policy', 'plan', directory, SHIPPED, ...IDS])
  t.equal(back.status, 2)
  t.match(back.out, /^- Group okta\/planners/m)
})

t.test('a condition that changes is a change, also where no answer does', async (t) => {
  const directory = await copyIn(t, 'condition')
  const policy = (count: number): string =>
    `@id("age") @reason("r") forbid (principal, action, resource) when { context has apiVersion && context.apiVersion == "2020-01-0${count}" };`
  await writeFile(join(directory, 'age.cedar'), policy(1))
  const other = join(t.testdirName, 'other')
  await cp(directory, other, { recursive: true })
  await writeFile(join(other, 'age.cedar'), policy(2))
  const ran = await run(['policy', 'plan', directory, other, ...IDS])
  t.match(ran, { status: 2, out: 'nobody may do more or less\n', err: /rules that differ.*age/ })
})

t.test('policies with faults are status 1', async (t) => {
  const directory = await copyIn(t, 'faulty')
  await writeFile(join(directory, 'faulty.cedar'), 'permit')
  t.match(await plan(directory), { status: 1, err: /faulty\.cedar:1/ })
})

t.test(
  'policy log finds the commit of a version, and touches nothing of the checkout',
  async (t) => {
    const directory = await copyIn(t, 'repository')
    const git = (...args: string[]): string =>
      execFileSync(
        'git',
        ['-C', directory, '-c', 'user.name=Ann', '-c', 'user.email=a@b.example', ...args],
        {
          encoding: 'utf8',
        },
      ).trim()
    const here = ['--policies', directory, ...IDS]
    const versionNow = async (): Promise<string> =>
      JSON.parse((await run(['policy', 'check', ...here, '--json'])).out).version
    const commitAll = (subject: string): string => {
      git('add', '-A')
      git('commit', '-q', '-m', subject)
      return git('rev-parse', 'HEAD')
    }
    git('init', '-q')
    const versions = [await versionNow()]
    const commits = [commitAll('first')]
    await writeFile(join(directory, 'faulty.cedar'), 'permit')
    commits.push(commitAll('a fault'))
    await writeFile(
      join(directory, 'faulty.cedar'),
      '@id("faulty") @reason("r") forbid (principal, action, resource) when { context has apiVersion && context.apiVersion == "x" };',
    )
    versions.push(await versionNow())
    commits.push(commitAll('mended'))
    await edit(join(directory, 'bindings.yaml'), (text) => `${text}# not committed\n`)
    const before = git('status', '--porcelain')

    const log = await run(['policy', 'log', ...here, '--output', 'json'])
    t.equal(log.status, 0, log.err)
    t.match(JSON.parse(log.out), [
      { commit: commits[2], author: 'Ann', subject: 'mended', version: versions[1] },
      { commit: commits[1], version: null },
      { commit: commits[0], version: versions[0] },
    ])
    const find = ['policy', 'log', ...here, '--output', 'json', '--find']
    const found = await run([...find, versions[0]?.slice(0, 8) ?? ''])
    t.match(JSON.parse(found.out), [{ commit: commits[0] }])
    t.match(await run([...find, 'ffffffff']), { status: 1, err: /no commit has that version/ })
    for (const wrong of ['', ' ', 'v1'])
      t.match(await run([...find, wrong]), { status: 2, out: '', err: /It takes a version/ }, wrong)
    t.match(await run([...find, versions[0]?.toUpperCase() ?? '']), { status: 0 })
    t.equal(git('status', '--porcelain'), before)
    t.match((await run(['policy', 'log', ...here])).out, 'has faults')
    const none = await copyIn(t, 'none')
    t.match(
      await run(['policy', 'log', '--policies', none, ...IDS], { env: { PATH: '/nowhere' } }),
      {
        status: 1,
        err: /git cannot read/,
      },
    )
  },
)
