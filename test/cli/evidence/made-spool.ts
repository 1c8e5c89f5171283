/**
 * Spools that the real recorder writes without a gateway: as many calls as asked for, at whatever time.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openAudit, type Audit } from '../../../src/audit/open.ts'
import { createGroupWriter, GENESIS, headOf } from '../../../src/audit/record/spool-group.ts'
import { headerText } from '../../../src/audit/record/spool-header.ts'
import { keyIdOf } from '../../../src/audit/spool/keys.ts'
import type { Exchange } from '../../../src/exchange.ts'
import { optionsOf } from '../../audit/fixtures.ts'
import { readSpool, type Row } from '../../support/gateway.ts'
import { exchangeOf } from '../../support/exchange.ts'

/** Calls that are recorded at once. */
const AT_ONCE = 2_000

export interface MadeSpool {
  /** Records `count` permitted calls, each with its end. */
  readonly calls: (count: number, change?: Partial<Exchange>) => Promise<void>
  readonly audit: Audit
  readonly close: () => Promise<void>
}

/** @param now milliseconds since the epoch, asked for at each record */
export async function makeSpool(directory: string, now: () => number): Promise<MadeSpool> {
  // a sink that never answers: what it would be sent is in the spool
  const server = createServer(() => {})
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const sink = { name: 'none', kind: 'https', endpoint: `http://127.0.0.1:${port}` } as const
  const audit = await openAudit(optionsOf(directory, [sink], { now }))
  const call = async (change: Partial<Exchange>): Promise<void> => {
    const exchange = exchangeOf({ id: randomUUID(), ...change })
    await audit.recorder.authorized(exchange)
    await audit.recorder.completed(exchange, 'success', 1)
  }
  return {
    audit,
    async calls(count, change = {}) {
      for (let left = count; left > 0; left -= AT_ONCE)
        await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => call(change)))
    },
    async close() {
      await audit.close(0)
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Rows as JSON lines, as a sink gets them. */
export const linesOf = (rows: readonly Row[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('')

const SEGMENT_RECORDS = 20_000
const GROUP_RECORDS = 500

/**
 * A chain of as many small records as asked for, a minute apart, which ends with the stop of its gateway; without
 * checkpoints. Faster than the recorder.
 * @param begin milliseconds since the epoch
 */
export async function writeLargeSpool(
  directory: string,
  count: number,
  begin: number,
): Promise<void> {
  const chainId = randomUUID()
  const folder = join(directory, chainId)
  await mkdir(folder, { recursive: true })
  const { publicKey: key } = generateKeyPairSync('ed25519')
  const publicKey = key.export({ type: 'spki', format: 'der' }).toString('base64')
  const write = createGroupWriter(chainId)
  let end = { seq: 0, head: GENESIS }
  let last: { name: string; bytes: number } | null = null
  for (let at = 0; end.seq < count; at += 1) {
    const segment = `0000000001-${String(at).padStart(6, '0')}.jsonl`
    const header = headerText({
      kind: 'header',
      schema: 'azureml-harness-audit/2',
      chainId,
      bootId: chainId,
      segment,
      firstSeq: end.seq + 1,
      prevSegment: last?.name ?? null,
      prevSegmentBytes: last?.bytes ?? 0,
      prevSegmentHead: end.head,
      keyId: keyIdOf(publicKey),
      publicKey,
      openedAt: new Date(begin).toISOString(),
    })
    await writeFile(join(folder, segment), header)
    let bytes = Buffer.byteLength(header)
    end = { seq: end.seq, head: headOf(header.trimEnd()) }
    const stop = Math.min(count, end.seq + SEGMENT_RECORDS)
    while (end.seq < stop) {
      const size = Math.min(GROUP_RECORDS, stop - end.seq)
      const first = end.seq
      const group = write(
        Array.from({ length: size }, (_, n) => draftAt(first + n + 1, count, begin)),
        end,
      )
      await appendFile(join(folder, segment), group.data)
      bytes += group.data.length
      end = group.end
    }
    last = { name: segment, bytes }
  }
}

/** Beginnings and ends of calls in turn, of 50 people; the last one is the stop. */
function draftAt(seq: number, count: number, begin: number) {
  const at = new Date(begin + seq * 60_000).toISOString()
  const times = `,"TimeGenerated":"${at}","EventTime":"${at}"`
  if (seq >= count)
    return {
      kind: 'gateway' as const,
      exchangeId: '',
      columns: [`,"Event":"audit_closing","Detail":{}`],
      times,
    }
  const call = Math.ceil(seq / 2)
  const exchangeId = `${'0'.repeat(8)}-0000-4000-8000-${String(call).padStart(12, '0')}`
  const who = `,"PrincipalId":"entra/t/${call % 50}"`
  if (seq % 2 === 0)
    return {
      kind: 'completed' as const,
      exchangeId,
      columns: [`${who},"Outcome":"success","Status":200`],
      times,
    }
  const decision = `,"Decision":"permit","PolicyIds":["reader@readers"],"PolicyCount":1,"PolicyVersion":"v${call % 3}"`
  return { kind: 'authorized' as const, exchangeId, times, columns: [`${who}${decision}`] }
}

export { readSpool }
