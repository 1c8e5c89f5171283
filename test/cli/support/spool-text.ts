/**
 * Records as a spool has them on disk, with ids `d-0`, `d-1`, ...; the last line is torn.
 */
import { GENESIS, link } from '../../../src/audit/record/spool-line.ts'

export function spoolText(rows: readonly (readonly [kind: string, row: object])[]): string {
  let text = ''
  let prev = GENESIS
  rows.forEach(([kind, row], at) => {
    const columns = JSON.stringify(row).slice(1)
    const draft = { kind, exchangeId: `d-${at}`, metadata: '"a":1}', ocsf: '"b":1}', columns }
    const block = Buffer.alloc(16_384)
    const linked = link(draft, 'chain', at + 1, prev, block, 0)
    text += block.toString('utf8', 0, linked.end)
    prev = linked.head
  })
  return `{"kind":"header"}\n${text}{"seq":99,"torn`
}
