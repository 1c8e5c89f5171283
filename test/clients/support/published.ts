/**
 * Published clients as child processes: nothing but the environment tells them where the gateway is.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type t from 'tap'
import {
  IDENTITIES,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  WORKSPACE,
} from '../../../lab/personas.ts'
import type { World } from '../../support/gateway.ts'

const FOLDER = join(import.meta.dirname, '..', 'python')
/** Longer than any script here takes on a slow machine. */
const LIMIT_MS = 240_000

const VENV = fileURLToPath(new URL('../../../.venv', import.meta.url))
const BUILT = fileURLToPath(new URL('../../../.clients', import.meta.url))

/** What there is in the project's environments and among the programs built here, and how to get it. */
const COMMANDS = {
  python: {
    file: join(VENV, 'bin', 'python'),
    remedy: 'test/clients/python/install.sh python',
  },
  mlflow3: {
    file: join(VENV, 'mlflow-3', 'bin', 'python'),
    remedy: 'test/clients/python/install.sh mlflow3',
  },
  plugin3: {
    file: join(VENV, 'azureml-mlflow-3', 'bin', 'python'),
    remedy: 'test/clients/python/install.sh plugin3',
  },
  v1: { file: join(VENV, 'sdk-v1', 'bin', 'python'), remedy: 'test/clients/python/install.sh v1' },
  services: {
    file: join(VENV, 'services', 'bin', 'python'),
    remedy: 'test/clients/python/install.sh services',
  },
  az: { file: join(VENV, 'az', 'bin', 'az'), remedy: 'test/clients/python/install.sh az' },
  armmachinelearning: {
    file: join(BUILT, 'go', 'armmachinelearning'),
    remedy: 'test/clients/go/install.sh',
  },
  azidentity: {
    file: join(BUILT, 'go', 'azidentity'),
    remedy: 'test/clients/go/install.sh',
  },
  goazuresdk: { file: join(BUILT, 'go', 'goazuresdk'), remedy: 'test/clients/go/install.sh' },
  java: {
    file: join(BUILT, 'java', 'classes', 'CoreManagement.class'),
    remedy: 'test/clients/java/install.sh',
  },
  javaidentity: {
    file: join(BUILT, 'java', 'classes', 'DefaultCredential.class'),
    remedy: 'test/clients/java/install.sh',
  },
  helm: { file: join(BUILT, 'helm', 'helm-4.3.2'), remedy: 'test/deploy/helm/install.sh' },
  kubernetes: {
    file: join(VENV, 'kubernetes', 'bin', 'kubernetes-validate'),
    remedy: 'test/deploy/helm/install.sh',
  },
  bicep: {
    file: join(VENV, 'bicep', 'bin', 'python'),
    remedy: 'test/deploy/infrastructure/install.sh',
  },
} as const

type CommandName = keyof typeof COMMANDS

export interface Command {
  readonly file: string
  /** Why a test of it is skipped, in tap's form: what is missing, and how to get it. */
  readonly skip: string | false
}

/** A command of the published clients. CI never goes without. */
export function command(name: CommandName): Command {
  const { file, remedy } = COMMANDS[name]
  if (existsSync(file)) return { file, skip: false }
  if (process.env['HARNESS_CLIENTS'] === 'required')
    throw new Error(`HARNESS_CLIENTS requires the published clients, and there is no ${name}`)
  return { file, skip: `there is no ${name} here; get it by: ${remedy}` }
}

/** The file of the command that a whole test file needs, or null; then the file is skipped, and says why. */
export function environment(test: typeof t, name: CommandName): string | null {
  const { file, skip } = command(name)
  if (skip === false) return file
  test.plan(0, `skipped: ${skip}`)
  return null
}

export type Tap = Pick<typeof t, 'ok' | 'notOk' | 'same' | 'equal' | 'match'>

export type Settings = Readonly<Record<string, string>>

/** The documented settings, for one persona. */
export async function settings(world: World, persona: string): Promise<Settings> {
  const { lab, url } = world
  const { caFile } = lab.certificates
  return {
    ARM_CLOUD_METADATA_URL: `${url}/metadata/endpoints?api-version=2019-05-01`,
    AZUREML_CURRENT_CLOUD: 'AzureMLHarness',
    REGISTRY_DISCOVERY_ENDPOINT_URL: `${url}/`,
    REQUESTS_CA_BUNDLE: caFile,
    SSL_CERT_FILE: caFile,
    // the only way out of this machine's network: to storage, and nowhere else
    HTTPS_PROXY: lab.storage?.egress.url ?? 'http://127.0.0.1:9',
    HTTP_PROXY: lab.storage?.egress.url ?? 'http://127.0.0.1:9',
    NO_PROXY: 'localhost,127.0.0.1',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    LAB_SUBSCRIPTION: SUBSCRIPTION,
    LAB_RESOURCE_GROUP: RESOURCE_GROUP,
    LAB_WORKSPACE: WORKSPACE,
    LAB_TOKEN: await lab.token(persona),
    // what Entra would give the same person for storage, by a role assignment there
    LAB_STORAGE_TOKEN: await lab.token(persona, {
      claims: { aud: 'https://storage.azure.com', iss: `https://sts.windows.net/${TENANT}/` },
    }),
  }
}

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** What the script handed back by `result`; null if it did not get that far. */
  readonly result: Record<string, unknown> | null
}

/** Without the control characters of progress bars, which break TAP. */
function clean(text: string): string {
  return text
    .replaceAll('\r', '\n')
    .split('\n')
    .filter((line) => !line.includes('experimental class'))
    .join('\n')
    .replaceAll(/[^\n\x20-\x7e]/g, '')
}

/** The end of what it wrote. */
export function said(run: Omit<Run, 'result'>): string {
  return `${clean(run.stdout).slice(-2000)}\n${clean(run.stderr).slice(-4000)}`
}

/** Runs a script of test/clients/python in an environment of its own: nothing of this shell's gets in. */
export function runScript(file: string, script: string, env: Settings): Promise<Run> {
  const python = { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' }
  return runProgram(file, [join(FOLDER, script)], { ...env, ...python })
}

/** Runs a program that hands back a result, with a home of its own and nothing of this shell's. */
export async function runProgram(
  command: string,
  args: readonly string[],
  env: Settings,
): Promise<Run> {
  const home = await mkdtemp(join(tmpdir(), 'azureml-harness-client-'))
  try {
    const resultFile = join(home, 'result.json')
    const run = await runCommand(command, args, { ...env, HOME: home, LAB_RESULT: resultFile })
    const text = await readFile(resultFile, 'utf8').catch(() => null)
    const result = text === null ? null : (JSON.parse(text) as Record<string, unknown>)
    return { ...run, result }
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 })
  }
}

/** Runs any command with this environment and `PATH`, and nothing else. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Settings,
): Promise<Omit<Run, 'result'>> {
  const child = spawn(command, [...args], {
    cwd: env['HOME'],
    env: { PATH: process.env['PATH'], LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Client ids of the managed identities that policy may choose from. */
const CHOSEN = new Set(
  IDENTITIES.filter(({ name }) => name.startsWith('ml-')).map(({ clientId }) => clientId),
)

/**
 * What a client did, judged by what arrived: each request at Azure was the gateway's own, under a managed
 * identity and without any token of the caller's; storage saw none that is meant for the gateway; nothing else
 * was tried to be reached.
 */
export function throughTheGateway(t: Tap, world: World, env: Settings): void {
  const requests = world.lab.requests()
  t.ok(requests.length > 0, 'something reached Azure')
  const around = requests.filter(
    ({ headers }) => !String(headers['user-agent']).startsWith('azureml-harness/'),
  )
  t.same(
    around.map(({ method, url }) => `${method} ${url}`),
    [],
    'nothing went around the gateway',
  )
  const others = requests.filter(({ claims }) => !CHOSEN.has(String(claims?.['appid'])))
  t.same(
    others.map(({ method, url }) => `${method} ${url}`),
    [],
    'managed identities only',
  )
  const atAzure = JSON.stringify(requests)
  const signatures = Object.entries(env).flatMap(([name, value]) =>
    name.endsWith('_TOKEN') ? [[name, value.slice(value.lastIndexOf('.') + 1)] as const] : [],
  )
  for (const [name, signature] of signatures)
    t.notOk(atAzure.includes(signature), `${name} is not at Azure`)
  const { storage } = world.lab
  if (storage === null) return
  const atStorage = JSON.stringify(storage.requests())
  for (const [name, signature] of signatures)
    t.notOk(name !== 'LAB_STORAGE_TOKEN' && atStorage.includes(signature), `nor at storage`)
  t.same(
    [...new Set(storage.egress.tried())].filter((target) => !target.includes('.blob.core.')),
    [],
    'nothing but storage was asked for beyond the gateway',
  )
}
