/**
 * An exchange as the pipeline has it at some point, for tests of one stage.
 * @module
 */
import { openExchange, type Exchange } from '../../src/exchange.ts'

export function exchangeWith(known: Partial<Exchange> = {}): Exchange {
  const method = known.method ?? 'GET'
  const source = { ip: '127.0.0.1', port: 1 }
  const fresh = openExchange('00000000-0000-4000-8000-000000000001', 0, 0, source, method, {})
  return { ...fresh, ...known }
}
