/** A port that somebody else has: the gateway says which one, frees its spool and ends at once. */
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { spawnGateway, type GatewayOptions } from '../../lab/gateway/gateway.ts'
import { startLab } from '../../lab/lab.ts'

/** For a whole start on a busy machine; a gateway that did not end was there for minutes. */
const AT_ONCE_MS = 25_000

t.setTimeout(120_000)

for (const [key, options] of [
  ['listen.port', (taken: number): GatewayOptions => ({ port: taken })],
  [
    'listen.metrics.port',
    (taken: number): GatewayOptions => ({
      change: (config) => ({
        ...config,
        listen: { ...config.listen, metrics: { host: '127.0.0.1', port: taken } },
      }),
    }),
  ],
] as const) {
  t.test(`a taken ${key} ends the start at once, by its name, with the spool free`, async (t) => {
    const lab = await startLab({ directory: t.testdir(), port: 0 })
    t.teardown(() => lab.close())
    const taken = await freePort()
    const other = createServer().listen(taken, '127.0.0.1')
    t.teardown(() => other.close())
    await once(other, 'listening')

    const gateway = await spawnGateway(lab, { ...options(taken), waitUntilReady: false })
    t.teardown(() => gateway.kill())
    const late = new Promise<string>((done) =>
      setTimeout(done, AT_ONCE_MS, 'still running').unref(),
    )
    t.same(await Promise.race([gateway.exited, late]), { code: 1, signal: null }, gateway.logs())
    const spoken = gateway
      .logs()
      .split('\n')
      .filter((text) => !text.startsWith('{'))
    t.match(spoken.join('\n'), new RegExp(`port ${taken} of "127\\.0\\.0\\.1" is in use`))
    t.match(spoken.join('\n'), new RegExp(`\\n +.*${key.replaceAll('.', '\\.')}`), 'the next step')
    t.notOk(existsSync(`${gateway.config.audit.spool.directory}/lock`), 'the spool is free')

    const again = await spawnGateway(lab)
    t.same(await again.stop(), { code: 0, signal: null }, 'the next start on it needs no hand')
  })
}
