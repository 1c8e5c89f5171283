/**
 * Whether the records of a period are all there: each chain is verified, and its numbers have no gap.
 * @module
 */
import type { Verdict } from '../../audit/inspect/verify.ts'
import type { Table, Value } from './csv.ts'
import type { Exception } from './exceptions.ts'
import type { ChainPart, Gathered, Period } from './records.ts'

/** Events that mean that records are missing somewhere. */
const LOSSES = new Set(['spool_lost', 'sink_skipped', 'dead_letter'])
const CONTROL = 'AMH-09'

export interface Integrity {
  readonly tables: readonly Table[]
  readonly exceptions: readonly Exception[]
  readonly keyIds: readonly (readonly [chain: string, key: string])[]
}

/** @param verdicts of all chains */
export function integrityOf(
  verdicts: readonly Verdict[],
  found: Gathered,
  { from }: Period,
): Integrity {
  const rest: Exception[] = found.damaged.map((where) =>
    incomplete('a record cannot be read', where),
  )
  if (found.records === 0)
    rest.push(
      incomplete('there is no record of the period', `from ${new Date(from).toISOString()}`),
    )
  return {
    exceptions: [
      ...verdicts.flatMap((one) => exceptionsOf(one, found.chains.get(one.chainId))),
      ...rest,
      ...found.events.filter(([, , event]) => LOSSES.has(String(event))).map(lossOf),
      ...found.unknownEnds.map(unknownEnd),
    ],
    keyIds: verdicts.flatMap(({ chainId, keyIds }) => keyIds.map((key) => [chainId, key] as const)),
    tables: [
      {
        path: '06-integrity/chains.csv',
        columns: CHAIN_COLUMNS,
        rows: verdicts.map((one) => rowOf(one, found.chains.get(one.chainId))),
        what: 'Each chain of records: how many are of the period, from which number to which, and whether the whole chain holds.',
      },
      {
        path: '06-integrity/events.csv',
        columns: ['time', 'record', 'event', 'detail'],
        rows: found.events,
        what: 'What the gateway recorded of itself, without checkpoints, starts and stops.',
      },
    ],
  }
}

const CHAIN_COLUMNS = [
  'chain',
  'records_in_period',
  'first_seq',
  'last_seq',
  'first_time',
  'last_time',
  'missing',
  'verified',
  'end_seq',
  'head',
  'checkpoints',
  'unsigned',
  'repairs',
]

function rowOf(verdict: Verdict, part: ChainPart | undefined): readonly Value[] {
  const { chainId, broken, end, checkpoints, unsigned, repairs } = verdict
  return [
    chainId,
    part?.records ?? 0,
    part?.firstSeq ?? 0,
    part?.lastSeq ?? 0,
    part?.firstTime,
    part?.lastTime,
    part?.missing ?? 0,
    broken === null ? 'valid' : 'broken',
    end.seq,
    end.head,
    checkpoints,
    unsigned,
    repairs,
  ]
}

function exceptionsOf(verdict: Verdict, part: ChainPart | undefined): readonly Exception[] {
  const { chainId, broken, unsigned } = verdict
  const where = `chain ${chainId}`
  const found: Exception[] = []
  if (broken !== null) {
    const { seq, why, segment, line } = broken
    found.push(incomplete(`record ${seq}: ${why} (${segment}, line ${line})`, where))
  }
  // the last checkpoint has none behind it
  if (unsigned > 1)
    found.push({
      kind: 'exception',
      control: CONTROL,
      what: `${unsigned} records at its end have no signed checkpoint behind them`,
      where,
    })
  if (part === undefined || part.records === 0) return found
  const { missing, beginsWhole, endsWhole, firstSeq, firstTime, lastTime } = part
  if (missing > 0)
    found.push(incomplete(`${missing} numbers are missing between its records`, where))
  if (!beginsWhole)
    found.push(
      incomplete(
        `its first record, ${firstSeq}, is of ${firstTime}: those before it are not here`,
        where,
      ),
    )
  if (!endsWhole)
    found.push(
      incomplete(
        `its last record is of ${lastTime}: the gateway had not stopped, and what follows is not here`,
        where,
      ),
    )
  return found
}

function incomplete(what: string, where: string): Exception {
  return { kind: 'incomplete', control: CONTROL, what, where }
}

function lossOf([time, uid, event]: readonly Value[]): Exception {
  const what = `${String(event)} at ${String(time)}`
  return { kind: 'exception', control: 'AMH-10', what, where: String(uid) }
}

function unknownEnd(id: string): Exception {
  const what = 'what became of a permitted request is not known'
  return { kind: 'exception', control: CONTROL, what, where: `request ${id}` }
}
