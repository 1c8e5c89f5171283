/**
 * Asks a gateway's own process for a number, which a file that it imports finds out and writes to its log.
 */
import { until } from '../eventually.ts'
import type { Gateway } from '../../../lab/gateway/gateway.ts'

/** The number behind `mark` in the log, once the process has had SIGUSR2. */
export async function numberOf(gateway: Gateway, mark: string): Promise<number> {
  process.kill(gateway.pid, 'SIGUSR2')
  const line = await until(() =>
    gateway
      .logs()
      .split('\n')
      .find((one) => one.startsWith(mark)),
  )
  return Number(line.slice(mark.length))
}
