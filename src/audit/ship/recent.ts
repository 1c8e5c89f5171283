/**
 * Records of the last moments as sinks get them, with their OCSF events or without. What is shipped soon after it became
 * durable is taken from here, and neither read from the disk nor parsed; whoever is further behind reads the spool.
 *
 * Rows stand in blocks of memory that are used again once every sink has their records, and dropped when there are too many.
 * @module
 */
import { endWithOcsf } from '../record/ocsf.ts'
import type { DurableGroup } from '../spool/writer.ts'
import type { Segment } from '../spool/writer.ts'
import type { BatchBlock, Rows } from './batch.ts'
import type { Position } from './reader.ts'

export interface Recent {
  /** Keeps a copy of a group's rows. */
  readonly add: (group: DurableGroup) => void
  /** One for each sink. @param ocsf whether its rows have their OCSF events */
  readonly reader: (ocsf: boolean) => ReadRecent
}

/**
 * Fills `into` with the next records after `at` of one of these segments, as many as there is room for: then where the sink
 * stands once it has them, or null if they are not kept. All up to `at` are taken by this sink.
 */
export type ReadRecent = (
  segments: readonly Segment[],
  at: Position,
  into: BatchBlock,
) => Position | null

const BLOCK_BYTES = 1 << 20
const MAX_BLOCKS = 16
/** Blocks that wait to be used again. */
const MAX_FREE = 4
/** Of an event, besides its text. */
const FRAME_BYTES = 200

interface Block {
  readonly data: Buffer
  used: number
  lastSeq: number
}

interface KeptGroup extends Rows {
  readonly block: Block
  readonly segment: string
  readonly start: number
  readonly stop: number
}

/** @param chainId of the spool */
export function createRecent(chainId: string): Recent {
  const forms = new Map<boolean, Form>()
  return {
    add(group) {
      for (const form of forms.values()) form.add(group)
    },
    reader(ocsf) {
      const form = forms.get(ocsf) ?? new Form(ocsf ? chainId : null)
      forms.set(ocsf, form)
      return form.reader()
    },
  }
}

/** Rows in one of the forms that sinks want. */
class Form {
  readonly #chainId: string | null
  readonly #readers: { taken: number }[] = []
  readonly #free: Buffer[] = []
  #blocks: Block[] = []
  #groups: KeptGroup[] = []

  /** @param chainId of the spool, if rows have their OCSF events */
  constructor(chainId: string | null) {
    this.#chainId = chainId
  }

  add(group: DurableGroup): void {
    if (this.#chainId === null) this.#addRows(group)
    else this.#addEvents(group, this.#chainId)
  }

  reader(): ReadRecent {
    const reader = { taken: 0 }
    this.#readers.push(reader)
    return (segments, at, into) => {
      reader.taken = at.seq
      const index = this.#groups.findIndex(({ first, ends }) => first + ends.length > at.seq + 1)
      const begun = this.#groups[index]
      if (begun === undefined || begun.first > at.seq + 1) return null
      if (!segments.some(({ name }) => name === begun.segment)) return null
      return fill(into, this.#groups, index, at)
    }
  }

  #addRows(group: DurableGroup): void {
    const { rowEnds, data } = group
    const bytes = (rowEnds.at(-1) ?? 0) + 1
    const block = this.#blockFor(bytes)
    data.copy(block.data, block.used, 0, bytes)
    this.#keep(group, block, rowEnds)
  }

  #addEvents(group: DurableGroup, chainId: string): void {
    const { drafts, rowEnds, data, first } = group
    const endings = drafts.map(({ event }, index) =>
      event === null
        ? endWithOcsf(data.toString('utf8', beginOf(rowEnds, index), rowEnds[index]))
        : `,"Ocsf":{"metadata":{"uid":"${chainId}:${first + index}","sequence":${first + index}${event}}`,
    )
    let most = data.length
    for (const ending of endings) most += ending.length * 3 + FRAME_BYTES
    const block = this.#blockFor(most)
    let at = block.used
    const ends = endings.map((ending, index) => {
      // in the place of the row's last brace
      at += data.copy(block.data, at, beginOf(rowEnds, index), (rowEnds[index] ?? 0) - 1)
      at += block.data.write(ending, at)
      at += 1
      return at - 1 - block.used
    })
    this.#keep(group, block, ends)
  }

  /** Notes a group whose rows stand in the block from where that was used; `ends` counts from there. */
  #keep(
    { data, segment, start, first }: DurableGroup,
    block: Block,
    ends: readonly number[],
  ): void {
    const from = block.used
    block.used += (ends.at(-1) ?? 0) + 1
    block.lastSeq = first + ends.length - 1
    const stop = start + data.length
    this.#groups.push({ data: block.data, block, segment, start, stop, first, from, ends })
  }

  #blockFor(bytes: number): Block {
    const last = this.#blocks.at(-1)
    if (last !== undefined && last.data.length - last.used >= bytes) return last
    this.#release()
    const data = bytes <= BLOCK_BYTES ? this.#free.pop() : undefined
    const block: Block = {
      data: data ?? Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes)),
      used: 0,
      lastSeq: 0,
    }
    this.#blocks.push(block)
    return block
  }

  /** Gives up the oldest blocks: those that every sink has, and one more if there are too many. */
  #release(): void {
    const taken = Math.min(...this.#readers.map((reader) => reader.taken))
    const done = this.#blocks.filter(({ lastSeq }) => lastSeq <= taken)
    const isFull = done.length === 0 && this.#blocks.length >= MAX_BLOCKS
    const dropped = isFull ? this.#blocks.slice(0, 1) : done
    if (dropped.length === 0) return
    for (const { data } of dropped) {
      if (this.#free.length < MAX_FREE && data.length === BLOCK_BYTES) this.#free.push(data)
    }
    this.#blocks = this.#blocks.filter((block) => !dropped.includes(block))
    this.#groups = this.#groups.filter(({ block }) => !dropped.includes(block))
  }
}

const beginOf = (rowEnds: readonly number[], index: number): number =>
  index === 0 ? 0 : (rowEnds[index - 1] ?? 0) + 1

/** Takes the rows behind `at` of the groups from `index` on, as far as they are of one segment. */
function fill(
  into: BatchBlock,
  groups: readonly KeptGroup[],
  index: number,
  at: Position,
): Position {
  const segment = groups[index]?.segment ?? ''
  let offset = 0
  for (let group = groups[index]; group?.segment === segment; group = groups[++index]) {
    offset = group.start
    if (!into.add(group, at.seq)) break
    offset = group.stop
  }
  return { segment, offset, seq: into.lastSeq(at.seq) }
}
