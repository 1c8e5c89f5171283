/**
 * A newcomer's run of docs/deploy.md: its commands, one after another in one shell, against the lab; and what one sees after
 * each block is what the document shows.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { parseDocument } from 'yaml'
import { startLab, type Lab } from '../../lab/lab.ts'
import {
  AUDIENCE_GUID,
  IDENTITIES,
  PERSONAS,
  REGION,
  RESOURCE_GROUP,
  RULE_ID,
  SUBSCRIPTION,
  TENANT,
  WORKSPACE,
} from '../../lab/personas.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { request } from '../../lab/server/http.ts'
import { openHome } from '../../src/cli/session/home.ts'
import { writeSessions } from '../../src/cli/session/store.ts'
import { environment } from '../clients/support/published.ts'
import { eventually } from '../support/eventually.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TEXT = readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8')

/** Commands of `az` that the lab cannot answer, so that a stand-in does (support/az-stand-in.sh); all others are the real one's. */
const STAND_INS: readonly (readonly [pattern: string, why: string])[] = [
  ['login *', 'a person signs in; the test has signed in as an identity of the lab that may write'],
  ['ad *', "the lab's Graph has no applications and no groups by name"],
  ['*https://graph.microsoft.com/*', 'the same'],
  ['deployment group create *', "the lab's Resource Manager evaluates no templates"],
]
/** Commands that are not run, each with why. */
const NOT_RUN: readonly (readonly [command: RegExp, why: string])[] = [
  [/^npm ci && npm pack$/, 'test/packaging/package.test.ts packs it'],
  [/^npm install --global /, 'and installs it'],
  [
    /^azureml-harness login /,
    'a person signs in: test/cli/login.test.ts; the test writes the session',
  ],
]

interface Step {
  readonly title: string
  readonly text: string
  readonly blocks: readonly { readonly kind: string; readonly text: string }[]
}

const STEPS: readonly Step[] = TEXT.split(/^## /m)
  .slice(1)
  .map((text) => ({
    title: text.split('\n')[0] ?? '',
    text,
    blocks: [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind = '', block = '']) => ({
      kind,
      text: block,
    })),
  }))
const NUMBERED = STEPS.filter(({ title }) => /^\d+\. /.test(title))

t.test('nine steps, each with what it needs, what one sees and what goes wrong', async (t) => {
  t.same(
    NUMBERED.map(({ title }) => Number.parseInt(title, 10)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  for (const { title, text, blocks } of NUMBERED) {
    for (const part of ['**Needs**', '**You see**', '**What goes wrong**'])
      t.match(text, part, title)
    t.same([...new Set(blocks.map(({ kind }) => kind))], ['sh', 'text'], title)
  }
  const afterwards = STEPS.find(({ title }) => title === 'Afterwards')?.text ?? ''
  for (const part of [
    'Sizing',
    'Replicas',
    'Volumes',
    'Upgrade',
    'Rollback',
    'Key rotation',
    'Backup',
  ])
    t.match(afterwards, `**${part}.**`)
})

/** Single commands: a line, with those that it goes on in. */
const commandsIn = (block: string): readonly string[] => block.trimEnd().split(/(?<!\\)\n/)

const az = environment(t, 'az')
if (az !== null) {
  t.setTimeout(300_000)
  const directory = mkdtempSync(join(tmpdir(), 'azureml-harness-newcomer-'))
  const at = (name: string): string => join(directory, name)
  let lab: Lab
  let gateway: ChildProcess | null = null
  let log = ''
  let env: Record<string, string | undefined>
  /** What the document has as an example, and what it is here. The longer ones first. */
  let values: readonly (readonly [example: string, here: string])[]
  const session = (url: string, token: string) => ({
    gateway: url, issuer: lab.issuers.entra.url, profile: 'entra' as const, clientId: 'x', scopes: [],
    accessToken: token, expiresAt: Date.now() + 3_600_000, refreshToken: null, who: 'scientist',
    caFile: lab.certificates.caFile,
  }) // prettier-ignore

  t.before(async () => {
    lab = await startLab({ directory: at('lab'), port: 0 })
    const port = await freePort()
    const url = `https://localhost:${port}`
    const scientist = PERSONAS.get('scientist')
    const group = scientist?.kind === 'entra-user' ? (scientist.groups[0] ?? '') : ''
    values = [
      ['/var/lib/azureml-harness/spool', at('spool')],
      [
        'https://azureml-harness-audit-x1y2.westeurope-1.ingest.monitor.azure.com',
        lab.urls.ingestion,
      ],
      ['https://ml.contoso.example', url],
      ['ml.contoso.example', 'localhost'],
      ['rg-research', RESOURCE_GROUP],
      ['workspaces/research', `workspaces/${WORKSPACE}`],
      ['00000000-0000-4000-8000-00000000000a', TENANT],
      ['00000000-0000-4000-8000-00000000000b', AUDIENCE_GUID],
      ['00000000-0000-4000-8000-0000000000f1', group],
      [
        '00000000-0000-4000-8000-0000000000e1',
        scientist?.kind === 'entra-user' ? scientist.oid : '',
      ],
      ['00000000-0000-4000-8000-000000000001', SUBSCRIPTION],
      ['westeurope', REGION],
      ['research', WORKSPACE],
      ['/home/you', directory],
    ]
    mkdirSync(at('bin'))
    mkdirSync(at('az'))
    mkdirSync(at('state'))
    const program = (name: string, text: string): void => {
      writeFileSync(at(`bin/${name}`), `#!/bin/bash\n${text}\n`)
      chmodSync(at(`bin/${name}`), 0o755)
    }
    program('azureml-harness', `exec '${process.execPath}' '${join(ROOT, 'src/main.ts')}' "$@"`)
    const standIn = `exec '${join(import.meta.dirname, 'support/az-stand-in.sh')}' "$@"`
    const cases = STAND_INS.map(([pattern]) => `  ${pattern.replaceAll(' ', '\\ ')}) ${standIn} ;;`)
    program('az', `case "$*" in\n${cases.join('\n')}\nesac\nexec '${az}' "$@"`)
    writeFileSync(at('az/config'), '[cloud]\nname = Lab\n')
    writeFileSync(
      at('az/clouds.config'),
      `[Lab]
endpoint_management = ${lab.urls.upstream}
endpoint_resource_manager = ${lab.urls.upstream}
endpoint_active_directory = https://login.microsoftonline.com
endpoint_active_directory_resource_id = https://management.azure.com
endpoint_active_directory_graph_resource_id = https://graph.windows.net/
`,
    )
    // where the document is followed: a checkout, with the certificate that somebody has got
    for (const name of ['policies', 'deploy']) symlinkSync(join(ROOT, name), at(name))
    await copyFile(lab.certificates.certFile, at('fullchain.pem'))
    await copyFile(lab.certificates.keyFile, at('privkey.pem'))
    env = {
      ...lab.env,
      PATH: [at('bin'), dirname(process.execPath), process.env['PATH']].join(':'),
      HOME: directory,
      LANG: 'C.UTF-8',
      AZUREML_HARNESS_HOME: at('home'),
      CURL_CA_BUNDLE: lab.certificates.caFile,
      REQUESTS_CA_BUNDLE: lab.certificates.caFile,
      AZURE_CONFIG_DIR: at('az'),
      AZURE_CORE_COLLECT_TELEMETRY: 'false',
      // az asks nobody outside of this machine
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: 'localhost,127.0.0.1',
      AZ_CALLS: at('calls'),
      AZ_STATE: at('state'),
      AZ_APP: AUDIENCE_GUID,
      AZ_GROUP: group,
      AZ_DOMAINS: 'contoso.example',
      AZ_ENDPOINT: lab.urls.ingestion,
      AZ_RULE: RULE_ID,
    }
    const writer = IDENTITIES.find(({ may }) => may === 'write')?.clientId ?? ''
    await bash(`'${az}' login --identity --client-id ${writer} --output none`)
    await openHome(at('home'))
    await writeSessions(at('home'), [session(url, await lab.token('scientist'))])
  })
  t.teardown(async () => {
    if (gateway !== null) {
      gateway.kill('SIGTERM')
      if (gateway.exitCode === null) await once(gateway, 'close')
    }
    await lab.close()
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 })
  })

  const here = (text: string): string =>
    values.reduce((done, [example, value]) => done.replaceAll(example, value), text)
  const inDocument = (text: string): string =>
    values.reduce((done, [example, value]) => done.replaceAll(value, example), text)

  /** Runs a command in the shell of those before it: with their variables. */
  async function bash(command: string): Promise<string> {
    const state = `'${at('variables')}'`
    const script = `set -a; [ ! -e ${state} ] || source ${state}; set -euo pipefail\n${command}\nexport -p > ${state}`
    const child = spawn('bash', ['-c', `{ ${script}\n} 2>&1`], {
      cwd: directory,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 120_000,
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')))
    const [status] = (await once(child, 'close')) as [number | null]
    if (status !== 0) throw new Error(`${command}\nended with ${status}:\n${out}\n${log}`)
    return out
  }

  /** Starts the gateway, and waits until it serves. */
  async function serve(command: string): Promise<void> {
    gateway = spawn('bash', ['-c', `exec ${command}`], { cwd: directory, env, stdio: 'pipe' })
    for (const stream of [gateway.stdout, gateway.stderr])
      stream?.on('data', (chunk: Buffer) => (log += chunk.toString('utf8')))
    const { ca } = lab.certificates
    const ready = `${here('https://ml.contoso.example')}/_harness/readyz`
    await eventually(
      'the gateway serves',
      async () =>
        (await request(ready, { ca, timeoutMs: 2_000 }).catch(() => null))?.status === 200,
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`it does not serve: ${log}`, { cause: error })
    })
  }

  /** In the place of Azure's addresses, which the files have, those of the lab; nothing else of them is changed. */
  async function leadToLab(): Promise<void> {
    const file = at('azureml-harness/harness.yaml')
    const config = parseDocument(readFileSync(file, 'utf8'))
    const told = config.getIn(['issuers', 0, 'issuer'])
    t.equal(told, `https://login.microsoftonline.com/${TENANT}/v2.0`)
    config.setIn(['issuers', 0, 'issuer'], lab.issuers.entra.url)
    config.setIn(['cloud', 'resourceManager'], lab.urls.upstream)
    config.setIn(['cloud', 'dataPlane'], lab.urls.dataPlane)
    config.setIn(['audit', 'spool', 'directory'], at('spool'))
    // a disk with little room is a warning
    config.setIn(['audit', 'spool', 'hardLimitBytes'], 268_435_456)
    // another gateway may run on this machine
    config.setIn(['listen', 'metrics', 'port'], await freePort())
    writeFileSync(file, config.toString())
  }

  for (const { title, blocks } of NUMBERED)
    t.test(title, async (t) => {
      let out = ''
      for (const { kind, text } of blocks) {
        if (kind === 'text') {
          t.equal(normalised(inDocument(out)), normalised(text), title)
          out = ''
          continue
        }
        for (const command of commandsIn(here(text))) {
          const left = NOT_RUN.find(([pattern]) => pattern.test(command))
          if (left !== undefined) t.comment(`not run: ${command}: ${left[1]}`)
          else if (command.startsWith('azureml-harness serve ')) await serve(command)
          else out += await bash(command)
          if (command.endsWith('azure.sh')) await leadToLab()
        }
      }
      t.equal(out, '', 'all that is printed is shown')
    })

  t.test(
    'the call went out under an identity that the script made, and is recorded at the sink',
    async (t) => {
      const calls = lab.requests()
      for (const part of [
        'userAssignedIdentities/azureml-harness-ml-writer',
        'roleDefinitions/',
        'roleAssignments/',
      ])
        t.ok(
          calls.some(({ method, url }) => method === 'PUT' && url.includes(part)),
          part,
        )
      t.ok(
        calls.some(
          ({ method, url }) => method === 'GET' && url.includes(`/workspaces/${WORKSPACE}/jobs?`),
        ),
      )
      const mine = (row: Readonly<Record<string, unknown>>): boolean =>
        row['RecordKind'] === 'completed' && String(row['Action']).includes('/jobs/read')
      await eventually('the record is shipped', async () => lab.ingestion.rows().some(mine), 60_000)
      t.match(lab.ingestion.rows().find(mine), { Outcome: 'success', IdentityName: 'ml-writer' })
    },
  )
}

/** Without what differs from run to run: times, ids, and how wide columns are. */
function normalised(text: string): string {
  return (
    text
      .replaceAll(/^notAfter=.*$/gm, 'notAfter=TIME')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/\b[0-9a-f]{64}\b/g, 'HASH')
      .replaceAll(/\b\d+ (MB|days)\b/g, 'N $1')
      .replaceAll(/(TIME +success +200 +)\d+/g, '$1N')
      // a loaded machine
      .replaceAll(/this machine is \d s (?:behind|ahead of) it/g, 'agrees with this machine')
      .replaceAll(/ +/g, ' ')
      .trim()
  )
}
