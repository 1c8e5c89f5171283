/** What a gateway that has served nobody yet keeps in memory: nothing of what it does not use. */
import { join } from 'node:path'
import t from 'tap'
import { NODE_FLAGS } from '../../lab/gateway/gateway.ts'
import { BUNDLE, writeBundle } from '../../packaging/bundle.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'

const MARK = 'memory: '
/** Tells at SIGUSR2 which files of its own were loaded, and how large the young generation is. */
const TELLS = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  import { getHeapSpaceStatistics } from 'node:v8'
  const loaded = []
  registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
  process.on('SIGUSR2', () => {
    const { space_size: young } = getHeapSpaceStatistics().find((one) => one.space_name === 'new_space')
    console.log('${MARK}' + JSON.stringify({ young, loaded }))
  })
`)}`
/** Without a limit of its own it had 16 MB twice by then. */
const MOST_YOUNG = 10_000_000

t.setTimeout(120_000)

t.test('a gateway at rest has no packages that it does not use, and a small heap', async (t) => {
  const directory = t.testdir()
  const parts = await writeBundle(directory)
  const world = await startGateway({
    gateway: { main: join(directory, BUNDLE), execArgv: [...NODE_FLAGS, '--import', TELLS] },
  })
  t.teardown(() => world.close())
  process.kill(world.gateway.pid, 'SIGUSR2')
  const line = await eventually('the gateway tells of its memory', () =>
    world.gateway
      .logs()
      .split('\n')
      .find((one) => one.startsWith(MARK)),
  )
  const { young, loaded } = JSON.parse(line.slice(MARK.length)) as {
    young: number
    loaded: readonly string[]
  }
  t.ok(young < MOST_YOUNG, `${young} bytes of the young generation`)
  const packages = loaded.flatMap((url) => parts.get(url.split('/').at(-1) ?? '') ?? [])
  t.ok(packages.includes('fastify'))
  for (const unused of [
    '@azure/storage-blob',
    '@azure/keyvault-keys',
    '@azure/monitor-query-logs',
    '@opentelemetry/sdk-trace-base',
    '@fastify/ajv-compiler',
    '@fastify/fast-json-stringify-compiler',
  ])
    t.notOk(packages.includes(unused), unused)
})
