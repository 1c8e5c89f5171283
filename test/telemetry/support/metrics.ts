/**
 * Metrics of a gateway as Prometheus reads them, and as docs/metrics.md lists them.
 * @module
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../../../lab/server/free-port.ts'
import { startGateway, type World } from '../../support/gateway.ts'

export const ROOT = resolve(import.meta.dirname, '../../..')

export interface Documented {
  readonly name: string
  readonly kind: string
  readonly labels: readonly string[]
  /** Not there from the start. */
  readonly conditional: boolean
}

export function documented(): readonly Documented[] {
  const text = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
  return [...text.matchAll(/^\| `(\w+)`( \*)? \| (\w+) \|([^|]*)\|/gm)].map(
    ([, name = '', star, kind = '', labels = '']) => ({
      name: `harness_${name}`,
      kind,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
      conditional: star !== undefined,
    }),
  )
}

export interface Exposed {
  readonly kinds: ReadonlyMap<string, string>
  /** Values by their whole line, labels included. */
  readonly values: ReadonlyMap<string, number>
}

export async function readMetrics(port: number): Promise<Exposed> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const kinds = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(
    ([, name = '', kind = '']) => [name, kind] as const,
  )
  const values = [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(
    ([, line = '', value]) => [line, Number(value)] as const,
  )
  return { kinds: new Map(kinds), values: new Map(values) }
}

/** A gateway whose metrics can be read. */
export async function startWithMetrics(
  env: Readonly<Record<string, string>> = {},
  execArgv: readonly string[] = [],
): Promise<{ world: World; metrics: () => Promise<Exposed>; port: number }> {
  const port = await freePort()
  const world = await startGateway({
    gateway: {
      env,
      execArgv,
      change: (config) => ({
        ...config,
        listen: { ...config.listen, metrics: { host: '127.0.0.1', port } },
      }),
    },
  })
  return { world, metrics: () => readMetrics(port), port }
}
