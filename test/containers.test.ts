/** Dockerfile, docker-compose.yml and the lines of the README, as text: what one of them says, the others do. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { COMMANDS } from './cli/support/run.ts'
import {
  copiedBy,
  readDockerfile,
  sentToDocker,
  type Stage,
} from './packaging/support/dockerfile.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Service {
  build: { target: string }
  healthcheck: { test: string[] }
  command?: string[]
  environment: Record<string, string>
  volumes: string[]
  ports?: string[]
  read_only?: boolean
  depends_on?: object
}
const compose = parse(read('docker-compose.yml')) as {
  services: Record<string, Service>
  volumes: object
}
const stages = readDockerfile(read('Dockerfile'))
function stageOf(name: string): Stage {
  const stage = stages.get(name)
  if (stage === undefined) throw new Error(`the Dockerfile has no stage "${name}"`)
  return stage
}
const gateway = stageOf('gateway')
/** Put there by AKS, and by nobody elsewhere. */
const OF_KUBERNETES = '/var/run/secrets/azure/'

/** An option of `docker run` or a line of compose: what of this machine is where in the container. */
interface Mount {
  readonly from: string
  readonly path: string
  readonly readOnly: boolean
}
function mountOf(text: string): Mount {
  const [from = '', path = '', mode] = text.split(':')
  return { from, path, readOnly: mode === 'ro' }
}
const isIn = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`)

/** That each path is there, and that what a container writes is in a volume that it may write. */
function holdMounts(t: Test, stage: Stage, mounts: readonly Mount[], paths: readonly string[]) {
  for (const volume of stage.volumes) {
    const mount = mounts.find(({ path }) => path === volume)
    t.match(mount, { readOnly: false, from: /^[a-z]+$/ }, `${volume} is a named volume`)
  }
  for (const path of paths)
    t.ok(
      mounts.some((mount) => isIn(path, mount.path)),
      `${path} is in a volume`,
    )
}

t.test('the image that runs has neither compiler, lab, packages nor root', async (t) => {
  const text =
    read('Dockerfile')
      .split(/^(?=FROM )/m)
      .at(-1) ?? ''
  t.match(text, / AS gateway\n/, 'docker build without a target makes the gateway')
  t.match(text, /\nCOPY --from=build \/src\/dist \.\/dist\n/)
  t.notMatch(text, /\blab\b|npm (ci|install)|COPY src|node_modules/)
  t.equal(gateway.user, 'node')
  t.match(gateway.healthcheck, ['node'])
  for (const volume of gateway.volumes)
    t.match(
      text,
      `chown node:node ${volume} && chmod 0700 ${volume}\n`,
      'it is writable for its user alone',
    )
})

t.test('all that is copied into an image is there, and is sent to Docker', async (t) => {
  const sent = sentToDocker()
  const copied = [...stages.values()].flatMap(copiedBy)
  for (const source of copied)
    t.ok(existsSync(join(root, source)) && sent.includes(source.replace(/^\.\//, '')), source)
  t.same(
    sent.filter((one) => !copied.includes(one)),
    [],
    'nothing else is sent',
  )
})

t.test('every command that an image runs is one that the program has', async (t) => {
  const program = gateway.entrypoint.at(-1) ?? ''
  const service = compose.services['gateway']
  for (const words of [gateway.healthcheck, service?.healthcheck.test ?? []]) {
    const at = words.indexOf(program)
    t.ok(at > 0 && COMMANDS.has(words[at + 1] ?? ''), words.join(' '))
  }
  for (const [command = ''] of [gateway.cmd, service?.command ?? []])
    t.ok(COMMANDS.has(command), command)
  const [, ...ofChart] =
    /args: \[(\w+),/.exec(read('deploy/helm/azureml-harness/templates/statefulset.yaml')) ?? []
  t.ok(COMMANDS.has(ofChart[0] ?? ''), 'the chart')
  t.match(read('deploy/helm/azureml-harness/templates/NOTES.txt'), `node ${program} doctor`)
})

t.test('compose: volumes, ports, variables and health checks fit the images', async (t) => {
  t.same(Object.keys(compose.services).sort(), ['gateway', 'lab'])
  for (const [name, service] of Object.entries(compose.services)) {
    const stage = stageOf(service.build.target)
    const mounts = service.volumes.map(mountOf)
    for (const { from } of mounts) t.ok(Object.hasOwn(compose.volumes, from), from)
    t.equal(service.healthcheck.test[0], 'CMD')
    const words = [...(service.command ?? []), ...service.healthcheck.test]
    const values = Object.values({ ...stage.env, ...service.environment })
    const paths = [...words, ...values].filter((text) => text.startsWith('/'))
    t.ok(paths.length > 0, `${name} has paths`)
    holdMounts(t, stage, mounts, paths)
    for (const port of service.ports ?? []) {
      const [address, , inside] = port.split(':')
      t.equal(address, '127.0.0.1', 'the lab is for this machine')
      t.ok(stage.ports.includes(Number(inside)), port)
    }
  }
  const { lab, gateway: front } = compose.services
  t.equal(front?.read_only, true)
  t.match(front?.depends_on, { lab: { condition: 'service_healthy' } })
  t.equal(lab?.environment['LAB_IDENTITY_HEADER'], front?.environment['IDENTITY_HEADER'])
  const endpoint = new URL(front?.environment['IDENTITY_ENDPOINT'] ?? '')
  t.equal(endpoint.hostname, stageOf('lab').env['LAB_HOST'], 'the lab by its name')
  t.ok(stageOf('lab').ports.includes(Number(endpoint.port)), endpoint.href)
})

t.test(
  'README: docker build and docker run fit the image and the example of a configuration',
  async (t) => {
    const [, build = '', run = ''] =
      /\n(docker build .*)\n(docker run .*)\n/.exec(read('README.md')) ?? []
    const [, tag = ''] = /^docker build -t (\S+) \.$/.exec(build) ?? []
    const options = [...run.matchAll(/ -([vp]) (\S+)/g)].map(([, name, value = '']) => ({
      name,
      value,
    }))
    t.ok(
      tag !== '' && run.endsWith(` ${tag}`),
      'the image that was built is run, with its own command',
    )
    const mounts = options.filter(({ name }) => name === 'v').map(({ value }) => mountOf(value))
    const example = read('config/harness.yaml')
    // those of lines that are commented out, too: somebody takes the mark away
    const named = [
      ...example.matchAll(/(?:[fF]ile|[fF]romFile|directory|path): (\/[^\s,}]+)/g),
    ].flatMap(([, path = '']) => (path.startsWith(OF_KUBERNETES) ? [] : [path]))
    t.ok(named.length > 5)
    holdMounts(t, gateway, mounts, [
      ...named,
      gateway.cmd.at(-1) ?? '',
      gateway.healthcheck.at(-1) ?? '',
    ])
    const written = named.filter((path) => gateway.volumes.some((volume) => isIn(path, volume)))
    const spool = (parse(example) as { audit: { spool: { directory: string } } }).audit.spool
      .directory
    t.ok(written.includes(spool), 'the spool is in the volume')
    const { listen } = parse(example) as { listen: { host: string; port: number } }
    t.equal(listen.host, '0.0.0.0', 'a container listens on its own address')
    for (const { value } of options.filter(({ name }) => name === 'p')) {
      t.equal(value, `${listen.port}:${listen.port}`)
      t.ok(gateway.ports.includes(listen.port))
    }
  },
)
