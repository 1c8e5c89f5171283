/**
 * What docker-compose.yml starts, started without Docker: from trees of files that the Dockerfile would make, with the
 * commands, variables and volumes of both files. Where a container has `/lab`, this machine has a folder.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { workspaceId } from '../../lab/personas.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { request } from '../../lab/server/http.ts'
import { until } from '../support/eventually.ts'
import { makeTree, npm, readDockerfile, type Stage } from './support/dockerfile.ts'
import { ROOT } from './support/smoke.ts'

t.setTimeout(240_000)

interface Service {
  readonly build: { readonly target: string }
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
}
const compose = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')) as {
  readonly services: Readonly<Record<'lab' | 'gateway', Service>>
}
const stages = readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))

// as short as a container's paths, and outside of the repository, where no package of it is found
const top = mkdtempSync(join(tmpdir(), 'azureml-harness-image-'))
const children: ChildProcess[] = []
t.teardown(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(top, { recursive: true })
})

/** A service as a container would have it. */
interface Container {
  readonly stage: Stage
  readonly service: Service
  readonly env: Readonly<Record<string, string>>
  /** A text with paths of the container, with those that this machine has in their place. */
  readonly here: (text: string) => string
}

const trees = new Map<string, string>()
function treeOf(stage: string): string {
  const root = trees.get(stage) ?? makeTree(stages, stage, top)
  trees.set(stage, root)
  return root
}

function containerOf(
  name: 'lab' | 'gateway',
  changed: Readonly<Record<string, string>>,
): Container {
  const service = compose.services[name]
  const stage = stages.get(service.build.target)
  if (stage === undefined) throw new Error(`no stage "${service.build.target}"`)
  const root = treeOf(stage.name)
  const volumes = service.volumes.map((text): [string, string] => {
    const [volume = '', path = ''] = text.split(':')
    mkdirSync(join(top, 'volumes', volume), { recursive: true, mode: 0o700 })
    return [path, join(top, 'volumes', volume)]
  })
  const places = [...volumes, [stage.workdir, join(root, stage.workdir)] as const]
  const here = (text: string): string =>
    places.reduce(
      (all, [path, place]) =>
        all.replaceAll(new RegExp(`(?<![\\w.-])${path}(?=$|[/\\s])`, 'gm'), place),
      text,
    )
  const own = { ...stage.env, ...service.environment }
  const env = Object.entries({ ...own, ...changed }).map(([key, value]) => [key, here(value)])
  return { stage, service, here, env: Object.fromEntries(env) as Record<string, string> }
}

const commandOf = ({ here }: Container, words: readonly string[]): [string, string[]] => {
  const [program = '', ...args] = words
  return [program === 'node' ? process.execPath : program, args.map(here)]
}
const optionsOf = ({ stage, env, here }: Container) => ({
  cwd: here(stage.workdir),
  env: { PATH: process.env['PATH'], ...env },
})

function start(container: Container): { child: ChildProcess; said: () => string } {
  const { stage, service } = container
  const words = [...stage.entrypoint, ...(service.command ?? stage.cmd)]
  const child = spawn(...commandOf(container, words), optionsOf(container))
  children.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  return { child, said: () => text }
}

/** Runs the health check of compose until it says yes. @throws if the service ends before */
async function healthy(container: Container, { child, said }: ReturnType<typeof start>) {
  const [form, ...words] = container.service.healthcheck.test
  if (form !== 'CMD') throw new Error(`a health check as ${form}`)
  await until(() => {
    if (child.exitCode !== null) throw new Error(`it has ended: ${said()}`)
    return spawnSync(...commandOf(container, words), optionsOf(container)).status === 0
  })
}

/** The lab wants nine ports in a row, of which somebody may have one. */
async function startLab() {
  for (;;) {
    const [labPort, port] = [await freePort(), await freePort()]
    // names and ports of the network of containers are others here
    const ports = { LAB_PORT: String(labPort), HARNESS_PORT: String(port) }
    const lab = containerOf('lab', { LAB_HOST: 'localhost', ...ports })
    const startedLab = start(lab)
    try {
      await healthy(lab, startedLab)
      return { lab, labPort, port, startedLab }
    } catch (error) {
      if (!startedLab.said().includes('EADDRINUSE')) throw error
    }
  }
}

/** Files with the time of their last change. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules'))
    .map((name) => `${name} ${statSync(join(directory, name)).mtimeMs}`)
    .toSorted()
}

t.test('the lab and the gateway of docker-compose.yml', async (t) => {
  const { lab, labPort, port, startedLab } = await startLab()

  const identity = new URL(compose.services.gateway.environment['IDENTITY_ENDPOINT'] ?? '')
  t.equal(identity.hostname, 'lab')
  identity.hostname = 'localhost'
  identity.port = String(labPort + Number(identity.port) - (lab.stage.ports[0] ?? 0))
  const gateway = containerOf('gateway', { IDENTITY_ENDPOINT: identity.href })
  // what the lab wrote has paths of its container: those of this machine are put back, and then are the gateway's
  const config = gateway.here('/lab/harness.yaml')
  const ofLab = readFileSync(config, 'utf8').replaceAll(lab.here('/app'), '/app')
  writeFileSync(config, gateway.here(ofLab), { mode: 0o600 })
  const kept = [gateway.here('/lab'), gateway.here('/app')]
  const before = kept.map(filesIn)

  const started = start(gateway)
  await healthy(gateway, started)
  const token = npm(lab.here('/app'), ['run', '-s', 'lab:token', '--', 'scientist'], lab.env).trim()
  const answer = await request(
    `https://localhost:${port}${workspaceId()}/jobs?api-version=2024-04-01`,
    {
      ca: readFileSync(lab.here('/lab/ca.pem'), 'utf8'),
      headers: { authorization: `Bearer ${token}` },
    },
  )
  t.equal(answer.status, 200, answer.text().slice(0, 500))
  t.ok(
    readdirSync(gateway.here('/var/lib/azureml-harness/spool')).length > 0,
    'records are in the volume',
  )
  t.same(kept.map(filesIn), before, 'it writes nowhere else')

  started.child.kill('SIGTERM')
  t.same(await once(started.child, 'exit'), [0, null], started.said().slice(-500))
  startedLab.child.kill('SIGTERM')
  t.same(await once(startedLab.child, 'exit'), [0, null], startedLab.said().slice(-500))
})
