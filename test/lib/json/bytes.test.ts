/**
 * Bytes of strings are read four at a time: wherever a string begins and whatever is in it, its end is where one byte after the
 * other has it.
 */
import * as fc from 'fast-check'
import t from 'tap'
import { endOfPlain, viewOf } from '../../../src/lib/json/bytes.ts'

/** One byte after the other. */
function endOf(bytes: Uint8Array, from: number): number {
  const end = bytes.findIndex(
    (byte, at) => at >= from && (byte < 0x20 || byte === 0x22 || byte === 0x5c),
  )
  return end === -1 ? bytes.length : end
}

t.test('each byte alone, at each place of a word', (t) => {
  const found: number[] = []
  for (let byte = 0; byte < 256; byte++) {
    for (let at = 0; at < 9; at++) {
      const bytes = Buffer.alloc(9, 0x61).fill(byte, at, at + 1)
      for (let from = 0; from <= 9; from++) {
        const end = endOfPlain(viewOf(bytes), from)
        if (end !== endOf(bytes, from)) t.fail(`byte ${byte} at ${at}, from ${from}: ${end}`)
        if (end < 9) found.push(byte)
      }
    }
  }
  const ends = [...Array.from({ length: 0x20 }, (_, byte) => byte), 0x22, 0x5c]
  t.strictSame([...new Set(found)], ends)
  t.end()
})

t.test('any bytes, in a part of a longer buffer', (t) => {
  const byte = fc.oneof(
    { weight: 30, arbitrary: fc.integer({ min: 0x20, max: 0xff }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(0, 1, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x80, 0xff),
    },
  )
  let ended = 0
  fc.assert(
    fc.property(
      fc.array(byte, { minLength: 20, maxLength: 80 }),
      fc.nat(8),
      fc.nat(20),
      (all, skip, from) => {
        const bytes = Buffer.from(all).subarray(skip)
        const at = Math.min(from, bytes.length)
        const end = endOfPlain(viewOf(bytes), at)
        if (end < bytes.length) ended += 1
        return end === endOf(bytes, at)
      },
    ),
    { numRuns: 5_000 },
  )
  t.ok(ended > 200, `ends found: ${ended}`)
  t.end()
})
