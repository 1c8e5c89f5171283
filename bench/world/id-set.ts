/**
 * A set of UUIDs in two arrays of numbers. A million strings would be a heap that V8 marks again and again on all cores, which
 * is time that what is measured does not get.
 */

const FIRST_PLACES = 1 << 16
/** The share of places that may be taken. */
const FULL = 0.5

/** Of versions 4 and 7, which end with 62 bits that are random: two ids are one if these are the same. */
export class IdSet {
  size = 0
  #high = new Uint32Array(FIRST_PLACES)
  #low = new Uint32Array(FIRST_PLACES)

  /** @param id as text, 36 characters */
  add(id: string): void {
    // the first two of these bits are those of the variant, and not 0: so is a place that is taken
    const high = Number.parseInt(id.slice(19, 23) + id.slice(24, 28), 16)
    const low = Number.parseInt(id.slice(28, 36), 16)
    if (!(high > 0) || Number.isNaN(low)) throw new Error('an id of a row is no UUID')
    if (this.#put(high, low)) this.size += 1
    if (this.size > this.#high.length * FULL) this.#grow()
  }

  /** @returns whether it was not there yet */
  #put(high: number, low: number): boolean {
    const last = this.#high.length - 1
    let at = low & last
    for (; this.#high[at] !== 0; at = (at + 1) & last)
      if (this.#high[at] === high && this.#low[at] === low) return false
    this.#high[at] = high
    this.#low[at] = low
    return true
  }

  #grow(): void {
    const [high, low] = [this.#high, this.#low]
    this.#high = new Uint32Array(2 * high.length)
    this.#low = new Uint32Array(2 * low.length)
    for (const [at, one] of high.entries()) if (one !== 0) this.#put(one, low[at] ?? 0)
  }
}
