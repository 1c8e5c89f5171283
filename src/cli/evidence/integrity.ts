/**
 * Whether the records of a period are all there: each chain is verified, and its numbers have no gap.
 * @module
 */
import type { Verdict } from '../../audit/inspect/verify.ts'
import type { Table, Value } from '../csv.ts'
import type { Exception } from './exceptions.ts'
import type { ChainPart, Difference, Period } from './chains.ts'
import type { Gathered } from './records.ts'

/** Events that mean that records are missing somewhere. */
const LOSSES = new Set(['spool_lost', 'sink_skipped', 'dead_letter'])
const CONTROL = 'AMH-09'

export interface Integrity {
  readonly tables: readonly Table[]
  readonly exceptions: readonly Exception[]
  readonly keyIds: readonly (readonly [chain: string, key: string])[]
}

/** A chain as one spool has it. */
export interface Checked {
  /** Of the source. */
  readonly source: string
  readonly verdict: Verdict
}

/** @param checked all chains of all spools */
export function integrityOf(
  checked: readonly Checked[],
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
  const verdicts = checked.map(({ verdict }) => verdict)
  return {
    exceptions: [
      ...verdicts.flatMap(faultsOf),
      ...[...found.chains].flatMap(([id, part]) => gapsOf(id, part)),
      ...rest,
      ...found.differences.map(differenceOf),
      ...found.events.filter(([, , event]) => LOSSES.has(String(event))).map(lossOf),
      ...found.unknownEnds.map(unknownEnd),
    ],
    keyIds: verdicts.flatMap(({ chainId, keyIds }) => keyIds.map((key) => [chainId, key] as const)),
    tables: [
      {
        path: '07-integrity/chains.csv',
        columns: CHAIN_COLUMNS,
        rows: [
          ...checked.map((one) => rowOf(one, found.chains.get(one.verdict.chainId))),
          ...[...found.chains]
            .filter(([id]) => verdicts.every(({ chainId }) => chainId !== id))
            .map(([id, part]) => [id, 'exports', ...partRow(part), 'not verified', ...NO_CHAIN]),
        ],
        what: 'Each chain of records: how many are of the period, from which number to which, and whether the whole chain holds.',
      },
      {
        path: '07-integrity/events.csv',
        columns: ['time', 'record', 'event', 'detail'],
        rows: found.events,
        what: 'What the gateway recorded of itself, without checkpoints, starts and stops.',
      },
      {
        path: '07-integrity/reconcile.csv',
        columns: ['hour', 'chain', 'source', 'records', 'in_all_sources'],
        rows: found.hours.map(({ hour, chain, source, records, inAll }) => [
          hour,
          chain,
          source,
          records,
          inAll,
        ]),
        what: 'Records by hour: those that a source has, and those that there are in all sources together.',
      },
      {
        path: '07-integrity/differences.csv',
        columns: ['chain', 'source', 'from_seq', 'to_seq', 'what'],
        rows: found.differences.map(({ chain, source, fromSeq, toSeq, what }) => [
          chain,
          source,
          fromSeq,
          toSeq,
          what,
        ]),
        what: 'Records by their numbers that a source lacks, or has otherwise than another one.',
      },
    ],
  }
}

const CHAIN_COLUMNS = [
  'chain',
  'source',
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

function rowOf({ source, verdict }: Checked, part: ChainPart | undefined): readonly Value[] {
  const { chainId, broken, end, checkpoints, unsigned, repairs } = verdict
  return [
    chainId,
    source,
    ...partRow(part),
    broken === null ? 'valid' : 'broken',
    end.seq,
    end.head,
    checkpoints,
    unsigned,
    repairs,
  ]
}

/** What a spool alone tells: end, head, checkpoints, unsigned, repairs. */
const NO_CHAIN: readonly Value[] = ['', '', '', '', '']

const partRow = (part: ChainPart | undefined): readonly Value[] => [
  part?.records ?? 0,
  part?.firstSeq ?? 0,
  part?.lastSeq ?? 0,
  part?.firstTime,
  part?.lastTime,
  part?.missing ?? 0,
]

function faultsOf({ chainId, broken, unsigned }: Verdict): readonly Exception[] {
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
  return found
}

function gapsOf(id: string, part: ChainPart): readonly Exception[] {
  const { records, missing, onlyInExports, beginsWhole, endsWhole, firstSeq, firstTime, lastTime } =
    part
  if (records === 0) return []
  const whats = [
    ...(onlyInExports > 0
      ? [`${onlyInExports} records are in exports only: no chain proves that they are as written`]
      : []),
    ...(missing > 0 ? [`${missing} numbers are missing between its records`] : []),
    ...(beginsWhole
      ? []
      : [`its first record, ${firstSeq}, is of ${firstTime}: those before it are not here`]),
    ...(endsWhole
      ? []
      : [
          `its last record is of ${lastTime}: the gateway had not stopped, and what follows is not here`,
        ]),
  ]
  return whats.map((what) => incomplete(what, `chain ${id}`))
}

/** A sink without a record has lost it, or whoever exported it left it out. */
function differenceOf({ chain, source, fromSeq, toSeq, what }: Difference): Exception {
  const numbers = fromSeq === toSeq ? `record ${fromSeq}` : `records ${fromSeq} to ${toSeq}`
  return {
    kind: 'exception',
    control: CONTROL,
    what: what === 'missing' ? `${source} has no ${numbers}` : `${source} has other ${numbers}`,
    where: `chain ${chain}`,
  }
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
