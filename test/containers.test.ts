/** The image and the compose file, checked as text: what they promise is what the program does. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { COMMANDS } from './cli/support/run.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Service {
  build: { target: string }
  healthcheck: { test: string[] }
  command?: string[]
  environment: Record<string, string>
  volumes: string[]
}
const compose = parse(read('docker-compose.yml')) as {
  services: Record<string, Service>
  volumes: object
}
const stages = new Map(
  read('Dockerfile')
    .split(/^(?=FROM )/m)
    .slice(1)
    .map((text) => [/^FROM \S+ AS (\S+)/.exec(text)?.[1], text]),
)

t.test(
  'two stages make the gateway: the one that runs has neither compiler, lab nor root',
  async (t) => {
    const build = stages.get('build') ?? ''
    const gateway = stages.get('gateway') ?? ''
    t.match(build, /npm ci\n[^]*npm run build:bundle/)
    t.match(gateway, /COPY --from=build \/src\/dist \.\/dist\n/)
    t.match(gateway, /\nUSER node\n/)
    t.match(gateway, /\nHEALTHCHECK /)
    t.notMatch(gateway, /\blab\b|npm (ci|install)|COPY src|node_modules/)
    t.equal([...stages.keys()].at(-1), 'gateway', 'docker build without a target makes the gateway')
  },
)

t.test(
  'compose has gateway and lab, each from a target of the Dockerfile, each with a health check',
  async (t) => {
    t.same(Object.keys(compose.services).sort(), ['gateway', 'lab'])
    for (const service of Object.values(compose.services)) {
      t.ok(stages.has(service.build.target), service.build.target)
      t.equal(service.healthcheck.test[0], 'CMD')
      for (const volume of service.volumes)
        t.ok(Object.hasOwn(compose.volumes, volume.split(':')[0] ?? ''), volume)
    }
  },
)

t.test('every command that an image runs is one that the program has', async (t) => {
  const { gateway } = compose.services
  t.ok(COMMANDS.has(gateway?.command?.[0] ?? ''))
  t.ok(COMMANDS.has(gateway?.healthcheck.test[3] ?? ''))
  for (const [, command] of read('Dockerfile').matchAll(/"dist\/azureml-harness\.mjs", "(\w+)"/g))
    t.ok(COMMANDS.has(command ?? ''), command ?? '')
  t.equal(
    compose.services['lab']?.environment['LAB_IDENTITY_HEADER'],
    gateway?.environment['IDENTITY_HEADER'],
  )
})
