/**
 * Records as a spool has them on disk, with ids `d-0`, `d-1`, ...; the last line is torn.
 */
import { createGroupWriter, GENESIS } from '../../../src/audit/record/spool-group.ts'
import type { RecordKind } from '../../../src/audit/recorder.ts'

export function spoolText(rows: readonly (readonly [kind: RecordKind, row: object])[]): string {
  const write = createGroupWriter('chain')
  let text = ''
  let end = { seq: 0, head: GENESIS }
  rows.forEach(([kind, row], at) => {
    const columns = [`,${JSON.stringify(row).slice(1, -1)}`]
    const made = write([{ kind, exchangeId: `d-${at}`, times: '', columns }], end)
    text += made.data.toString()
    end = made.end
  })
  return `{"kind":"header"}\n${text}{"RecordKind":"torn`
}
