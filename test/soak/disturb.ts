/**
 * Faults that switch on and off while there is load: of Azure, and of the sink.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { PartName } from '../../lab/parts.ts'
import type { Fault } from '../../lab/server/faults.ts'
import type { World } from '../support/gateway.ts'

const ON_MS = 3_000
const OFF_MS = 2_000

const FAULTS: readonly (readonly [string, PartName, Fault])[] = [
  ['Azure is slow', 'arm', { delayMs: 300 }],
  ['the sink resets', 'ingestion', { reset: true }],
  ['Azure resets', 'arm', { reset: true }],
  ['Azure breaks off within answers', 'arm', { reset: 'mid-body' }],
  ['the sink is overloaded', 'ingestion', { status: 503, body: {}, headers: { 'retry-after': '1' } }],
  ['Azure fails', 'arm', { status: 500, body: { error: { code: 'InternalServerError', message: 'x' } } }],
  ['Azure throttles', 'arm', { status: 429, body: {}, headers: { 'retry-after': '1' } }],
  ['Azure answers what is no HTTP', 'arm', { raw: 'NONSENSE\r\n\r\n' }],
] // prettier-ignore

/** Switches one fault after the other on and off until `over` aborts; then all are off. */
export async function disturb(
  { lab }: World,
  over: AbortSignal,
  tell: (what: string) => void,
): Promise<void> {
  for (let turn = 0; !over.aborted; turn += 1) {
    const [name, part, fault] = FAULTS[turn % FAULTS.length] ?? []
    const faults = part === undefined ? undefined : lab.parts.get(part)?.faults
    if (name === undefined || faults === undefined) throw new Error('no such fault')
    tell(name)
    faults.add({ times: 0, ...fault })
    await delay(ON_MS, undefined, { signal: over }).catch(() => undefined)
    faults.clear()
    await delay(OFF_MS, undefined, { signal: over }).catch(() => undefined)
  }
}
