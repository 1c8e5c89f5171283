/**
 * The CI files for policy repositories: each is read, and its shell steps run in a clone with a change, as the host would
 * run them.
 */
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'

t.setTimeout(300_000)
const run = promisify(execFile)
const MAIN = resolve('src/main.ts')
const WHO = {
  GIT_AUTHOR_NAME: 'Ann',
  GIT_AUTHOR_EMAIL: 'ann@contoso.example',
  GIT_COMMITTER_NAME: 'Ann',
  GIT_COMMITTER_EMAIL: 'ann@contoso.example',
}
const BINDING = `template: data-scientist
principal: Group::"okta/newcomers"
resource: Workspace::"lab"
`

interface Clone {
  readonly clone: string
  readonly base: string
  readonly env: NodeJS.ProcessEnv
}

/** A clone whose branch adds one binding, and the command as an installed one. */
async function clone(t: Test, change = BINDING): Promise<Clone> {
  const top = t.testdir({ bin: {}, tmp: {}, home: {} })
  const command = join(top, 'bin', 'azureml-harness')
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  await chmod(command, 0o755)
  const env = {
    PATH: `${join(top, 'bin')}:${process.env['PATH']}`,
    HOME: join(top, 'home'),
    TMPDIR: join(top, 'tmp'),
    ...WHO,
  }
  const origin = join(top, 'origin')
  const at = join(top, 'clone')
  const git = async (...args: string[]) => run('git', args, { env })
  await mkdir(join(origin, 'ci'), { recursive: true })
  await cp('policies', join(origin, 'policies'), { recursive: true })
  await cp('lab/gateway/bindings.yaml', join(origin, 'policies', 'bindings.yaml'))
  await cp('deploy/ci/review-policies.sh', join(origin, 'ci', 'review-policies.sh'))
  await git('-C', origin, 'init', '-q', '-b', 'main')
  await git('-C', origin, 'add', '.')
  await git('-C', origin, 'commit', '-q', '-m', 'policies')
  await git('clone', '-q', origin, at)
  await git('-C', at, 'switch', '-q', '-c', 'change')
  await mkdir(join(at, 'policies', 'bindings.d'))
  await writeFile(join(at, 'policies', 'bindings.d', 'newcomers.yaml'), change)
  await git('-C', at, 'add', '.')
  await git('-C', at, 'commit', '-q', '-m', 'newcomers')
  const { stdout } = await git('-C', at, 'rev-parse', 'origin/main')
  return { clone: at, base: stdout.trim(), env }
}

/** Runs steps as a host does: one shell each, until one fails. */
async function steps(
  { clone: cwd, env }: Clone,
  scripts: readonly string[],
  more: NodeJS.ProcessEnv,
): Promise<{ code: number; out: string }> {
  let out = ''
  for (const script of scripts) {
    try {
      const done = await run('sh', ['-e', '-c', script], { cwd, env: { ...env, ...more } })
      out += done.stdout + done.stderr
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
      return { code, out: `${out}${stdout}${stderr}` }
    }
  }
  return { code: 0, out }
}

const file = async (name: string): Promise<unknown> =>
  parse(await readFile(join('deploy/ci', name), 'utf8'), { strict: true })

function isPlan(t: Test, text: string): void {
  t.match(text, /### Check\n\n```\nvalid, version [0-9a-f]{64}/)
  t.match(text, /### Cases\n\n```\n/)
  t.match(text, /\+ Group okta\/newcomers on lab: refused -> permitted\n +\S+/)
  t.notMatch(text, /- Group|Recorded calls/)
}

t.test('GitHub shows the plan as the summary of the run', async (t) => {
  const { on, permissions, jobs } = (await file('github.yml')) as {
    on: object
    permissions: object
    jobs: { review: { env: Record<string, string>; steps: { run?: string; uses?: string }[] } }
  }
  t.same([on, permissions], [{ pull_request: null }, { contents: 'read' }])
  const { env, steps: list } = jobs.review
  t.equal(env['BASE'], 'origin/${{ github.base_ref }}')
  const at = await clone(t)
  const [temp, summary] = [join(t.testdirName, 'tmp'), join(t.testdirName, 'summary')]
  const done = await steps(
    at,
    list.flatMap((step) => step.run ?? []),
    {
      IDENTITIES: env['IDENTITIES'],
      BASE: 'origin/main',
      RUNNER_TEMP: temp,
      GITHUB_STEP_SUMMARY: summary,
    },
  )
  t.equal(done.code, 0, done.out)
  isPlan(t, await readFile(summary, 'utf8'))
  const worktrees = await run('git', ['-C', at.clone, 'worktree', 'list'])
  t.equal(worktrees.stdout.trim().split('\n').length, 1, 'the clone is as it was')
})

t.test('Azure DevOps shows it in the summary', async (t) => {
  const { variables, steps: list } = (await file('azure-pipelines.yml')) as {
    variables: Record<string, string>
    steps: { script?: string }[]
  }
  const at = await clone(t)
  const temp = join(t.testdirName, 'tmp')
  const done = await steps(
    at,
    list.flatMap((step) => step.script ?? []),
    {
      ...variables,
      SYSTEM_PULLREQUEST_TARGETBRANCH: 'refs/heads/main',
      AGENT_TEMPDIRECTORY: temp,
    },
  )
  t.equal(done.code, 0, done.out)
  t.match(done.out, `##vso[task.uploadsummary]${temp}/review.md`)
  isPlan(t, await readFile(join(temp, 'review.md'), 'utf8'))
})

t.test('GitLab shows it in the log and as an artifact', async (t) => {
  const { policies } = (await file('gitlab.yml')) as {
    policies: {
      variables: Record<string, string>
      script: string[]
      artifacts: { paths: string[] }
    }
  }
  const at = await clone(t)
  const done = await steps(at, policies.script, {
    IDENTITIES: policies.variables['IDENTITIES'],
    CI_MERGE_REQUEST_DIFF_BASE_SHA: at.base,
  })
  t.equal(done.code, 0, done.out)
  isPlan(t, done.out)
  t.same(policies.artifacts.paths, ['review.md'])
  isPlan(t, await readFile(join(at.clone, 'review.md'), 'utf8'))
})

const review = async (at: Clone, more: NodeJS.ProcessEnv = {}) =>
  steps(at, ['sh ci/review-policies.sh review.md'], {
    IDENTITIES: 'ml-reader ml-writer',
    BASE: 'origin/main',
    ...more,
  })

t.test('it fails for what a gateway would not load, and for cases that fail', async (t) => {
  const faults = await review(await clone(t, BINDING.replace('data-scientist', 'data-scientits')))
  t.equal(faults.code, 1)
  t.match(
    faults.out,
    /bindings\.d\/newcomers\.yaml:1: unknown template "data-scientits"; did you mean/,
  )
  t.notMatch(faults.out, '### Who')
  const broken = await clone(t)
  const cases = join(broken.clone, 'policies', 'reader.tests.yaml')
  const text = await readFile(cases, 'utf8')
  await writeFile(cases, text.replace('identity: ml-reader,', 'identity: ml-writer,'))
  const failing = await review(broken)
  t.equal(failing.code, 1, failing.out)
  t.match(failing.out, '+ Group okta/newcomers on lab', 'with its plan all the same')
  const unknown = await review(await clone(t), { BASE: 'origin/nowhere' })
  t.not(unknown.code, 0, 'nothing to compare with is no success')
})

t.test('records are replayed where they are', async (t) => {
  const at = await clone(t)
  const none = join(t.testdirName, 'none.jsonl')
  await writeFile(none, '{"kind":"header"}\n')
  const { out, code } = await review(at, { RECORDS: none })
  t.equal(code, 0, out)
  t.match(out, '### Recorded calls that would end differently')
})
