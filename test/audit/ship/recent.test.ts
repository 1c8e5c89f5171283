/**
 * What is shipped from memory is byte for byte what is shipped from the spool's files, wherever a sink stands.
 */
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { BatchBlock } from '../../../src/audit/ship/batch.ts'
import { createReader, type Position } from '../../../src/audit/ship/reader.ts'
import { createRecent } from '../../../src/audit/ship/recent.ts'
import { draftOf, draftWith } from '../../../src/audit/record/draft.ts'
import { createTextOf } from '../../../src/audit/record/row-text.ts'
import { createGroupWriter, GENESIS } from '../../../src/audit/record/spool-group.ts'
import { headerText } from '../../../src/audit/record/spool-header.ts'
import type { Segment } from '../../../src/audit/spool/writer.ts'
import { exchangeOf } from '../../support/exchange.ts'

const CHAIN = '0b0f7d3e-0000-4000-8000-000000000001'
const TIME = '2026-11-18T07:06:40.000Z'
const textOf = createTextOf({ hashKey: null, version: '1.0.0' }, true)

function call(reason: string) {
  const exchange = exchangeOf()
  const decision = { ...exchange.decision!, reason }
  const text = textOf(
    { RecordKind: 'completed', EventTime: TIME },
    { ...exchange, decision },
    { outcome: 'success', durationMs: 1 },
  )
  return draftWith('completed', exchange.id, text, TIME)
}

const event = (size: number) =>
  draftOf('gateway', { RecordKind: 'gateway', Detail: { text: 'x'.repeat(size) } }, () => 1)

/** A segment of these groups on the disk, each told to memory as it is written. */
function spoolOf(
  directory: string,
  groups: readonly (readonly ReturnType<typeof call>[])[],
  ocsf: boolean,
) {
  const recent = createRecent(CHAIN)
  const read = recent.reader(ocsf)
  const write = createGroupWriter(CHAIN)
  const name = '000001abcd-000000.jsonl'
  const path = `${directory}/${name}`
  const header = {
    kind: 'header',
    schema: 'azureml-harness-audit/2',
    chainId: CHAIN,
    bootId: '000001abcd',
    segment: name,
    firstSeq: 1,
    prevSegment: null,
    prevSegmentBytes: 0,
    prevSegmentHead: GENESIS,
    keyId: 'k',
    publicKey: 'p',
    openedAt: TIME,
  } as const
  let data = Buffer.from(headerText(header))
  let end = { seq: 0, head: GENESIS }
  for (const drafts of groups) {
    const made = write(drafts, end)
    recent.add({ ...made, drafts, first: end.seq + 1, segment: name, start: data.length })
    data = Buffer.concat([data, made.data])
    end = made.end
  }
  writeFileSync(path, data)
  const segment: Segment = {
    name,
    path,
    firstSeq: 1,
    bytes: data.length,
    lastSeq: end.seq,
    head: end.head,
    closed: false,
    touchedAt: 0,
  }
  return { segment, read, readFile: createReader(ocsf), last: end.seq }
}

interface Read {
  readonly next: Position
  readonly texts: readonly string[]
}

/** What a reader put into a block, row by row; null if it found nothing. */
function readOf(next: Position | null, block: BatchBlock): Read | null {
  if (next === null) return null
  const rows = block.batch().rows()
  return { next, texts: rows.map(({ seq, uid, text }) => `${seq} ${uid} ${text}`) }
}

for (const ocsf of [true, false]) {
  t.test(
    `pages of every size, from every record, ${ocsf ? 'with' : 'without'} events`,
    async (t) => {
      const groups = [
        [call('a'), event(10), call('größer\u2028')],
        [event(300_000)],
        [call('b'), call('c'), event(900_000)],
        [call('d')],
      ]
      const { segment, read, readFile, last } = spoolOf(t.testdir({}), groups, ocsf)
      for (const limit of [1, 5_000, 20_000, 400_000, 10_000_000]) {
        const fromMemory = (at: Position): Read | null => {
          const block = new BatchBlock(CHAIN, limit)
          return readOf(read([segment], at, block), block)
        }
        const fromFile = async (at: Position): Promise<Read | null> => {
          const block = new BatchBlock(CHAIN, limit)
          return readOf(await readFile([segment], at, block), block)
        }
        let at: Position = { segment: '', offset: 0, seq: 0 }
        while (at.seq < last) {
          const page = fromMemory(at)
          if (page === null) throw new Error(`nothing behind ${at.seq}`)
          const wanted: string[] = []
          let place = at
          while (wanted.length < page.texts.length) {
            const found = await fromFile(place)
            if (found === null) throw new Error(`nothing on the disk behind ${place.seq}`)
            wanted.push(...found.texts)
            place = found.next
          }
          t.same(page.texts, wanted.slice(0, page.texts.length))
          t.equal(page.next.seq, at.seq + page.texts.length)
          // a sink that goes on by the disk finds its place
          const after = await fromFile(page.next)
          const [seq] = after?.texts[0]?.split(' ') ?? []
          t.equal(seq, page.next.seq < last ? String(page.next.seq + 1) : undefined)
          at = page.next
        }
        t.equal(fromMemory(at), null, 'no more')
      }
    },
  )

  t.test(`what is not kept is left to the disk, ${ocsf ? 'with' : 'without'} events`, async (t) => {
    // each takes a block of its own
    const groups = Array.from({ length: 40 }, () => [event(900_000)])
    const { segment, read, last } = spoolOf(t.testdir({}), groups, ocsf)
    const block = new BatchBlock(CHAIN, 1)
    t.equal(read([segment], { segment: '', offset: 0, seq: 0 }, block), null, 'it is too long ago')
    t.equal(read([segment], { segment: '', offset: 0, seq: last - 1 }, block)?.seq, last)
    t.equal(read([], { segment: '', offset: 0, seq: last - 1 }, block), null, 'the segment is gone')
  })
}
