/**
 * Bytes of an answer, put together of parts of what came and of what replaces others of them.
 *
 * The memory of a long answer is V8's least concern and the machine's greatest: V8 gives it back when it next collects all
 * garbage, which it does the more often the more such memory there is. So it is given back as soon as the answer is out.
 * @module
 */

const NOTHING = Buffer.alloc(0)
/** Replacements may be longer than what they replace: room for a sixteenth more. */
const SPARE = 16
/** Shorter ones share memory with others, which costs less. */
const LEAST_RELEASED = 8 * 1024

export class AnswerBytes {
  /** One part of what came, as long as there is nothing else: it is not copied. */
  #part: Buffer | null = null
  #from = 0
  #end = 0
  /** Everything, once there is more than that. */
  #own: Buffer | null = null
  #length = 0
  readonly #expected: number

  /** @param expected how many bytes will come, as far as that is known */
  constructor(expected = 0) {
    this.#expected = expected
  }

  get length(): number {
    return this.#own === null ? this.#end - this.#from : this.#length
  }

  /** Whether what is taken next has memory of its own, which is to be released. */
  get isOwn(): boolean {
    return this.#own !== null && isReleased(this.#own)
  }

  /** Adds a part of `bytes`, which must not change until all are taken. */
  add(bytes: Buffer, from: number, end: number): void {
    if (from === end) return
    if (this.#own === null) {
      if (this.#part === null) {
        this.#part = bytes
        this.#from = from
        this.#end = end
        return
      }
      if (this.#part === bytes && this.#end === from) {
        this.#end = end
        return
      }
    }
    const own = this.#roomFor(end - from)
    bytes.copy(own, this.#length, from, end)
    this.#length += end - from
  }

  /** All that were added since the last time. */
  take(): Buffer {
    const { length } = this
    const [part, from, end] = [this.#part, this.#from, this.#end]
    this.#part = null
    this.#from = 0
    this.#end = 0
    if (this.#own !== null) {
      const own = this.#own
      this.#own = null
      this.#length = 0
      return length === own.length ? own : own.subarray(0, length)
    }
    if (part === null) return NOTHING
    return length === part.length ? part : part.subarray(from, end)
  }

  #roomFor(more: number): Buffer {
    const own = this.#own
    if (own === null) {
      const length = this.#end - this.#from
      const expected = Math.max(this.#expected, length + more)
      const first = allocate(expected + Math.ceil(expected / SPARE))
      this.#part?.copy(first, 0, this.#from, this.#end)
      this.#part = null
      this.#length = length
      this.#own = first
      return first
    }
    if (this.#length + more <= own.length) return own
    const larger = allocate(Math.max(2 * own.length, this.#length + more))
    own.copy(larger, 0, 0, this.#length)
    if (isReleased(own)) release(own)
    this.#own = larger
    return larger
  }
}

function allocate(bytes: number): Buffer {
  return bytes < LEAST_RELEASED ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes)
}

/** Whether these bytes are so many that their memory is worth giving back. */
export function isReleased({ length }: Buffer): boolean {
  return length >= LEAST_RELEASED
}

/**
 * Gives the memory back of a long answer, or of a part of one as it was read: whoever still has it has nothing. Memory that
 * is small or may be shared with others stays.
 */
export function release({ buffer, length }: Buffer): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < LEAST_RELEASED) return
  // what Node takes from its pool is less than half of it
  const mayBeShared = buffer.byteLength === Buffer.poolSize && length < Buffer.poolSize / 2
  if (!mayBeShared) buffer.transfer(0)
}
