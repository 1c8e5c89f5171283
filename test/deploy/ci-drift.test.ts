/**
 * The CI files that look for drift each night: each is read, and its shell steps run against the lab's Resource Manager, as
 * the host would run them.
 */
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { writeGatewayConfig } from '../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../lab/lab.ts'
import { IDENTITIES, OTHER_WORKSPACE, WORKSPACE, workspaceId } from '../../lab/personas.ts'
import { deployRoles } from '../policy/review/deployed-roles.ts'

t.setTimeout(240_000)
const run = promisify(execFile)
const MAIN = resolve('src/main.ts')
const PRINCIPALS = IDENTITIES.filter(({ may }) => may !== 'nothing')
  .map(({ name, oid }) => `${name}=${oid}`)
  .join(' ')

let lab: Lab
t.before(async () => {
  lab = await startLab({ directory: t.testdir(), port: 0 })
})
t.teardown(() => lab.close())
t.afterEach(() => lab.parts.get('arm')?.faults.clear())

/** The repository, with the command as an installed one, and `az` as somebody who may read. */
async function repository(t: Test) {
  const top = t.testdir({ bin: {}, tmp: {}, home: {}, repository: {} })
  const at = join(top, 'repository')
  await mkdir(join(at, 'ci'))
  await cp('policies', join(at, 'policies'), { recursive: true })
  await cp('lab/gateway/bindings.yaml', join(at, 'policies', 'bindings.yaml'))
  await cp('deploy/ci/check-drift.sh', join(at, 'ci', 'check-drift.sh'))
  await writeGatewayConfig(lab, join(at, 'harness.yaml'), {
    port: 8443,
    change: (config) => ({
      ...config,
      policies: { directory: 'policies', bindings: 'policies/bindings.yaml' },
    }),
  })
  const reader = IDENTITIES.find(({ name }) => name === 'ml-reader')
  if (reader === undefined) throw new Error('the lab has no reader')
  const token = await lab.identities.mint(reader, 'https://management.azure.com')
  const programs = {
    'azureml-harness': `exec '${process.execPath}' '${MAIN}' "$@"`,
    az: `[ "$*" = 'account get-access-token --query accessToken --output tsv' ] && echo '${token}'`,
  }
  for (const [name, text] of Object.entries(programs)) {
    await writeFile(join(top, 'bin', name), `#!/bin/sh\n${text}\n`)
    await chmod(join(top, 'bin', name), 0o755)
  }
  const env = {
    PATH: `${join(top, 'bin')}:${process.env['PATH']}`,
    HOME: join(top, 'home'),
    TMPDIR: join(top, 'tmp'),
    NODE_EXTRA_CA_CERTS: lab.certificates.caFile,
    RUNNER_TEMP: join(top, 'tmp'),
    AGENT_TEMPDIRECTORY: join(top, 'tmp'),
    GITHUB_STEP_SUMMARY: join(top, 'summary'),
    PRINCIPALS,
  }
  /** Its steps, one shell each, until one fails; those that are run always after that. */
  const steps = async (scripts: readonly string[], more: NodeJS.ProcessEnv = {}) => {
    let [code, out] = [0, '']
    for (const [index, script] of scripts.entries()) {
      const isLast = index === scripts.length - 1
      if (code !== 0 && !isLast) continue
      const options = { cwd: at, env: { ...env, ...more } }
      const done = await run('sh', ['-e', '-c', script], options).catch(
        (error: { code: number; stdout: string; stderr: string }) => error,
      )
      if ('code' in done) code = done.code
      out += done.stdout + done.stderr
    }
    return { code, out }
  }
  return { at, top, steps }
}

const file = async (name: string): Promise<unknown> =>
  parse(await readFile(join('deploy/ci', name), 'utf8'), { strict: true })

/** The lab's identities have roles of Azure's own, which are more than is needed. */
function isDrift(t: Test, text: string): void {
  t.match(text, /^### Azure grants something else than the policies need/)
  t.match(text, /```\nml-\w+ on \/subscriptions\/[^]*excess \d+: [^]*has role "[^]*\n```\n\n$/)
}

t.test('GitHub: each night, and what is found is the summary', async (t) => {
  const { on, permissions, jobs } = (await file('github-drift.yml')) as {
    on: object
    permissions: object
    jobs: { drift: { steps: { run?: string }[] } }
  }
  t.match(on, { schedule: [{ cron: /^\d+ \d+ \* \* \*$/ }], workflow_dispatch: null })
  t.same(permissions, { contents: 'read', 'id-token': 'write' })
  const { steps, top } = await repository(t)
  const done = await steps(jobs.drift.steps.flatMap((step) => step.run ?? []))
  t.equal(done.code, 1, done.out)
  isDrift(t, await readFile(join(top, 'summary'), 'utf8'))
})

t.test('Azure DevOps: each night, whatever has changed', async (t) => {
  const {
    schedules,
    trigger,
    steps: all,
  } = (await file('azure-pipelines-drift.yml')) as {
    trigger: string
    schedules: object[]
    steps: { script?: string; inputs?: { inlineScript?: string } }[]
  }
  t.equal(trigger, 'none')
  t.match(schedules, [
    { cron: /^\d+ \d+ \* \* \*$/, always: true, branches: { include: ['main'] } },
  ])
  const { steps, top } = await repository(t)
  const done = await steps(
    all.flatMap(({ script, inputs }) => script ?? inputs?.inlineScript ?? []),
  )
  t.equal(done.code, 1, done.out)
  t.match(done.out, `##vso[task.uploadsummary]${join(top, 'tmp')}/drift.md`)
  isDrift(t, await readFile(join(top, 'tmp', 'drift.md'), 'utf8'))
})

t.test('GitLab: in a scheduled pipeline, and what is found is an artifact', async (t) => {
  const { drift } = (await file('gitlab-drift.yml')) as {
    drift: { script: string[]; rules: object[]; artifacts: { when: string; paths: string[] } }
  }
  t.same(drift.rules, [{ if: '$CI_PIPELINE_SOURCE == "schedule"' }])
  const { steps, at } = await repository(t)
  const done = await steps(drift.script)
  t.equal(done.code, 1, done.out)
  t.match(drift.artifacts, { when: 'always', paths: ['drift.md'] })
  isDrift(t, await readFile(join(at, 'drift.md'), 'utf8'))
})

t.test('workspaces are examined for ways past the gateway', async (t) => {
  const { steps, at } = await repository(t)
  await deployRoles(lab, join(at, 'harness.yaml'))
  const WORKSPACES = [WORKSPACE, OTHER_WORKSPACE].map((name) => workspaceId(name)).join(' ')
  const done = await steps(['sh ci/check-drift.sh drift.md'], { WORKSPACES })
  t.equal(done.code, 1, 'the lab has gaps')
  const report = await readFile(join(at, 'drift.md'), 'utf8')
  t.same(
    [...report.matchAll(/^### (.*)$/gmu)].map(([, title]) => title),
    [
      'Azure grants what the policies need, and nothing else',
      ...WORKSPACES.split(' ').map(
        (id) => `Ways past the gateway, or what could not be examined: ${id}`,
      ),
    ],
  )
  t.match(report, /failed|unverified/)
})

t.test('it passes only where Azure was asked and has nothing else', async (t) => {
  const { steps, at } = await repository(t)
  const check = ['sh ci/check-drift.sh drift.md']
  const report = () => readFile(join(at, 'drift.md'), 'utf8')
  await deployRoles(lab, join(at, 'harness.yaml'))
  const none = await steps(check)
  t.equal(none.code, 0, none.out)
  t.match(await report(), /^### Azure grants what the policies need, and nothing else\n/)

  lab.parts.get('arm')?.faults.add({ times: 0, status: 403, body: {} })
  const unread = await steps(check)
  t.equal(unread.code, 1)
  t.match(
    await report(),
    /or could not be asked[^]*Azure Resource Manager cannot be asked: status 403/,
  )
  t.equal((await steps(check, { CONFIG: 'missing.yaml' })).code, 1)
  t.not((await steps(check, { PRINCIPALS: 'ml-reader' })).code, 0, 'a wrong argument is no success')
  await writeFile(join(at, '..', 'bin', 'az'), '#!/bin/sh\nexit 1\n')
  t.not((await steps(check)).code, 0, 'without a token nothing is said')
})
