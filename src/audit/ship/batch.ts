/**
 * Rows that are sent at once: one behind the other in a block of memory, with a byte between each two of them.
 *
 * The block is used again for later rows: memory outside of V8's heap, taken anew for each batch, has V8 collect all of the
 * heap each 64 MB, and the event loop wait for it.
 * @module
 */

/** One record to ship, for sinks that look at each. */
export interface ShippedRow {
  readonly seq: number
  /** `chainId:seq`: receivers drop repeated records by it. */
  readonly uid: string
  /** JSON of the row, with the column `Ocsf` if the sink asks for it. */
  readonly text: string
}

const [LF = 0, COMMA = 0, OPEN = 0, CLOSE = 0] = Buffer.from('\n,[]')

/** Rows of consecutive records that stand in memory, with a byte of any kind between each two of them. */
export interface Rows {
  readonly data: Buffer
  /** Number of the first. */
  readonly first: number
  /** Where the first begins in `data`. */
  readonly from: number
  /** Where each of them ends, counted from there. */
  readonly ends: readonly number[]
}

/** A block of memory that has the rows of one batch at a time. */
export class BatchBlock {
  readonly #chainId: string
  readonly #limitBytes: number
  #data: Buffer<ArrayBuffer> = Buffer.alloc(0)
  #first = 0
  readonly #ends: number[] = []

  /** @param limitBytes of the rows as a JSON array, unless there is only one */
  constructor(chainId: string, limitBytes: number) {
    this.#chainId = chainId
    this.#limitBytes = limitBytes
  }

  get count(): number {
    return this.#ends.length
  }

  /** Of its rows as a JSON array. */
  get bytes(): number {
    return (this.#ends.at(-1) ?? 0) + 1
  }

  /** Number of its last record; `before` if it has none. */
  lastSeq(before: number): number {
    return this.count === 0 ? before : this.#first + this.count - 1
  }

  clear(): void {
    this.#ends.length = 0
  }

  /**
   * Adds copies of the rows of records behind `seq`: as many as there is room for, and at least one if it has none yet.
   * @returns whether there was room for all
   */
  add({ data, first, from, ends }: Rows, seq: number): boolean {
    const skip = Math.max(0, seq + 1 - first)
    const begin = skip === 0 ? 0 : (ends[skip - 1] ?? 0) + 1
    // the byte before the first row is for what a text begins with
    const at = (this.#ends.at(-1) ?? 0) + 1
    const moved = at - begin
    let upTo = skip
    while (upTo < ends.length && (ends[upTo] ?? 0) + moved < this.#limitBytes) upTo += 1
    if (upTo === skip && this.count === 0 && skip < ends.length) upTo += 1
    if (upTo === skip) return skip >= ends.length
    const end = ends[upTo - 1] ?? 0
    this.#demand(end + moved + 1)
    data.copy(this.#data, at, from + begin, from + end)
    if (this.count === 0) this.#first = first + skip
    for (let index = skip; index < upTo; index += 1) this.#ends.push((ends[index] ?? 0) + moved)
    return upTo === ends.length
  }

  /** Its rows; good until it is cleared. */
  batch(): Batch {
    return new Batch(this.#chainId, this.#data, this.#first, this.#ends)
  }

  #demand(bytes: number): void {
    if (this.#data.length >= bytes) return
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, this.#limitBytes))
    this.#data.copy(larger)
    this.#data = larger
  }
}

/** Some of the rows of a block, at least one. */
export class Batch {
  readonly #chainId: string
  readonly #data: Buffer<ArrayBuffer>
  readonly #first: number
  readonly #ends: readonly number[]
  readonly #from: number
  readonly #to: number

  /** @param first number of the record whose row ends at `ends[0]`; of all, those from index `from` to before `to` */
  constructor(
    chainId: string,
    data: Buffer<ArrayBuffer>,
    first: number,
    ends: readonly number[],
    from = 0,
    to = ends.length,
  ) {
    this.#chainId = chainId
    this.#data = data
    this.#first = first
    this.#ends = ends
    this.#from = from
    this.#to = to
  }

  get count(): number {
    return this.#to - this.#from
  }

  /** A name for it: what its first and its last record are. */
  get name(): string {
    return `${this.#chainId}:${this.#first + this.#from}-${this.#first + this.#to - 1}`
  }

  /** The rows one by one; their texts stay good. */
  rows(): ShippedRow[] {
    const rows: ShippedRow[] = []
    for (let index = this.#from; index < this.#to; index += 1) {
      const seq = this.#first + index
      const text = this.#data.toString('utf8', this.#beginOf(index), this.#ends[index])
      rows.push({ seq, uid: `${this.#chainId}:${seq}`, text })
    }
    return rows
  }

  /** The rows as lines. It is written where they stand: good until another text is made of one of them. */
  lines(): Buffer<ArrayBuffer> {
    return this.#joined(LF, LF).subarray(1)
  }

  /** The rows as a JSON array; the same holds. */
  jsonArray(): Buffer<ArrayBuffer> {
    const text = this.#joined(COMMA, CLOSE)
    text[0] = OPEN
    return text
  }

  /** Both halves; of a batch of one row the second has none. */
  halves(): [Batch, Batch] {
    const middle = this.#from + Math.ceil(this.count / 2)
    return [this.#part(this.#from, middle), this.#part(middle, this.#to)]
  }

  #part(from: number, to: number): Batch {
    return new Batch(this.#chainId, this.#data, this.#first, this.#ends, from, to)
  }

  #beginOf(index: number): number {
    return (index === 0 ? 0 : (this.#ends[index - 1] ?? 0)) + 1
  }

  /** The rows with a byte before them, `between` among them, and `end` behind. */
  #joined(between: number, end: number): Buffer<ArrayBuffer> {
    for (let index = this.#from; index < this.#to; index += 1) {
      this.#data[this.#ends[index] ?? 0] = index + 1 < this.#to ? between : end
    }
    return this.#data.subarray(this.#beginOf(this.#from) - 1, (this.#ends[this.#to - 1] ?? 0) + 1)
  }
}
