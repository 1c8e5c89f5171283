/**
 * Verifies a spool or a copy of one: every line, every link, every signed checkpoint. Needs nothing but the files.
 *
 * A chain cannot show that its tail was cut: compare `end` with the newest checkpoint that a sink has. If the
 * key lies beside the spool, whoever can write the spool can sign: compare `keyIds` with the one that was shipped.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fieldsOf } from '../../lib/strict-json.ts'
import { checkpointText, checkSignature, keyIdOf } from '../spool/keys.ts'
import { GENESIS, type End } from '../record/spool-group.ts'
import type { Header } from '../record/spool-header.ts'
import { segmentNames } from '../spool/recover.ts'
import { scanSegment, type Scanned } from '../spool/scan.ts'

/** The first place where the chain breaks. */
export interface Break {
  readonly segment: string
  readonly line: number
  readonly seq: number
  readonly why: string
}

export interface Verdict {
  readonly chainId: string
  readonly segments: number
  readonly records: number
  readonly firstSeq: number
  readonly end: End
  readonly checkpoints: number
  /** Records after the last good checkpoint: somebody who rebuilds the chain could edit these unseen. */
  readonly unsigned: number
  readonly keyIds: readonly string[]
  /** Recoveries that cut a torn tail, each with a record of its own. */
  readonly repairs: number
  readonly broken: Break | null
}

/** Chains in a spool's directory; a chain's own directory is one too. */
export function chainsIn(directory: string): string[] {
  if (!existsSync(directory)) throw new Error(`"${directory}" does not exist`)
  if (segmentNames(directory).length > 0) return [directory]
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${directory}/${entry.name}`)
    .filter((path) => segmentNames(path).length > 0)
}

/** What the records so far say about the chain itself. */
interface Seen {
  readonly retired: Map<number, string>
  readonly keys: Map<string, string>
  checkpoints: number
  signedTo: number
  repairs: number
}

/** Judges what a record says of the chain itself: checkpoints, retirements, repairs. */
function judgeRecord(seen: Seen, chainId: string, record: Scanned): string | null {
  let row: ReadonlyMap<string, unknown>
  try {
    row = fieldsOf(JSON.parse(record.row.toString('utf8')))
  } catch {
    return 'not valid JSON'
  }
  if (row.get('EventUid') !== `${chainId}:${record.seq}`) return 'the record names another place'
  if (record.kind !== 'gateway') return null
  const detail = fieldsOf(row.get('Detail'))
  switch (row.get('Event')) {
    case 'checkpoint':
      return judgeCheckpoint(seen, chainId, record, detail)
    case 'segment_retired':
      seen.retired.set(Number(detail.get('lastSeq')), String(detail.get('head')))
      return null
    case 'recovered':
      seen.repairs += 1
      return null
    default:
      return null
  }
}

function judgeCheckpoint(
  seen: Seen,
  chainId: string,
  record: Scanned,
  detail: ReadonlyMap<string, unknown>,
): string | null {
  const checkpoint = {
    chainId,
    seq: Number(detail.get('seq')),
    count: Number(detail.get('count')),
    head: String(detail.get('head')),
  }
  if (checkpoint.seq !== record.seq - 1 || checkpoint.head !== record.before) {
    return 'the checkpoint names another head'
  }
  const key = seen.keys.get(String(detail.get('keyId')))
  if (key === undefined) return 'the checkpoint is signed by an unknown key'
  if (!checkSignature(key, checkpointText(checkpoint), String(detail.get('signature')))) {
    return 'the checkpoint has a bad signature'
  }
  seen.checkpoints += 1
  seen.signedTo = checkpoint.seq
  return null
}

/** Whether a segment's header continues the chain; says why not. */
function judgeHeader(
  header: Header,
  name: string,
  chainId: string,
  end: End | null,
): string | null {
  if (header.segment !== name) return 'the segment was renamed'
  if (header.chainId !== chainId) return 'the segment is of another chain'
  if (keyIdOf(header.publicKey) !== header.keyId) return 'the header names another key'
  if (end === null) return null
  if (header.firstSeq !== end.seq + 1) {
    return `records ${end.seq + 1} to ${header.firstSeq - 1} are missing`
  }
  return header.prevSegmentHead === end.head ? null : 'it does not continue the segment before it'
}

/**
 * Verifies one chain. Throws an Error only if it cannot be read; `trusted` are the only key ids to accept, if given.
 */
export function verifyChain(directory: string, trusted: readonly string[] = []): Verdict {
  const steps = verifyBySegment(directory, trusted)
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value
}

/** The same in steps: gives the bytes of each segment once it is done, so that others get their turn between them. */
export function* verifyBySegment(
  directory: string,
  trusted: readonly string[] = [],
): Generator<number, Verdict, undefined> {
  const names = segmentNames(directory)
  const seen: Seen = {
    retired: new Map(),
    keys: new Map(),
    checkpoints: 0,
    signedTo: 0,
    repairs: 0,
  }
  let chainId = ''
  let end: End | null = null
  let first: Header | null = null
  let records = 0
  let broken: Break | null = null
  for (const [index, name] of names.entries()) {
    const data = readFileSync(`${directory}/${name}`)
    const after = names[index + 1]
    const next =
      after === undefined
        ? null
        : scanSegment(readFileSync(`${directory}/${after}`), 4096, () => {}).header
    const limit = next?.prevSegment === name ? next.prevSegmentBytes : Infinity
    const own = scanSegment(data.subarray(0, 4096), 4096, () => {}).header
    if (own !== null) {
      seen.keys.set(own.keyId, own.publicKey)
      chainId = chainId === '' ? own.chainId : chainId
    }
    const wrong =
      own === null
        ? 'no segment header'
        : (judgeHeader(own, name, chainId, end) ??
          (trusted.length > 0 && !trusted.includes(own.keyId) ? 'signed by another key' : null))
    if (wrong !== null) {
      broken = { segment: name, line: 1, seq: (end?.seq ?? 0) + 1, why: wrong }
      break
    }
    first ??= own
    const scan = scanSegment(data, limit, (record) => {
      const why = broken === null ? judgeRecord(seen, chainId, record) : null
      if (why !== null) broken = { segment: name, line: record.line, seq: record.seq, why }
    })
    records += scan.records
    end = scan.end
    if (broken === null && scan.fault !== null) {
      broken = { segment: name, ...scan.fault }
    }
    yield data.length
    if (broken !== null) break
  }
  if (broken === null && first !== null && first.firstSeq > 1) {
    // what stood before the first segment may be gone only if a later record says that it was shipped and deleted
    const { firstSeq, prevSegmentHead } = first
    if (seen.retired.get(firstSeq - 1) !== prevSegmentHead) {
      const why = `records 1 to ${firstSeq - 1} are missing and no record says that they were retired`
      broken = { segment: names[0] ?? '', line: 1, seq: 1, why }
    }
  }
  const last = end ?? { seq: 0, head: GENESIS }
  return {
    chainId,
    segments: names.length,
    records,
    firstSeq: first?.firstSeq ?? 1,
    end: last,
    checkpoints: seen.checkpoints,
    unsigned: Math.max(0, last.seq - seen.signedTo),
    keyIds: [...seen.keys.keys()],
    repairs: seen.repairs,
    broken,
  }
}
