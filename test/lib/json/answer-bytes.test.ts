import t from 'tap'
import { AnswerBytes, release } from '../../../src/lib/json/answer-bytes.ts'

const LONG = 100_000

t.test('one part of what came is not copied', (t) => {
  const chunk = Buffer.from('one part of it')
  const bytes = new AnswerBytes(chunk.length)
  bytes.add(chunk, 0, 3)
  bytes.add(chunk, 3, 3)
  bytes.add(chunk, 3, 8)
  t.equal(bytes.length, 8)
  t.equal(bytes.isOwn, false)
  const taken = bytes.take()
  t.equal(taken.toString(), 'one part')
  t.equal(taken.buffer, chunk.buffer)
  bytes.add(chunk, 0, chunk.length)
  t.equal(bytes.take(), chunk)
  t.equal(bytes.take().length, 0)
  t.end()
})

t.test('parts are put together whatever was expected', (t) => {
  for (const expected of [0, 10, LONG, 10 * LONG]) {
    const bytes = new AnswerBytes(expected)
    const all: Buffer[] = []
    for (let at = 0; at < 40; at += 1) {
      const part = Buffer.alloc((at * 997) % 9_000, 97 + (at % 26))
      bytes.add(part, 0, part.length)
      all.push(part)
    }
    const whole = Buffer.concat(all)
    t.equal(bytes.length, whole.length)
    t.ok(bytes.take().equals(whole), `${expected} expected`)
    bytes.add(whole, 5, 9)
    t.ok(bytes.take().equals(whole.subarray(5, 9)), 'it begins anew')
  }
  t.end()
})

t.test('the memory of a long answer is given back, that of others is not touched', (t) => {
  const chunk = Buffer.alloc(LONG, 'a')
  const bytes = new AnswerBytes(LONG)
  bytes.add(chunk, 0, 50_000)
  bytes.add(chunk, 60_000, LONG)
  t.equal(bytes.isOwn, true)
  const taken = bytes.take()
  t.equal(bytes.isOwn, false)
  release(taken)
  t.equal(taken.length, 0, 'nobody reads another answer in its place')
  t.equal(chunk.length, LONG)
  const short = new AnswerBytes(10)
  short.add(chunk, 0, 5)
  short.add(chunk, 9, 14)
  t.equal(short.isOwn, false, 'a short one shares its memory with others')
  t.end()
})

t.test('memory that others have a part of stays', (t) => {
  const shared = Buffer.allocUnsafe(Buffer.poolSize / 2 - 1)
  const read = new Uint8Array(Buffer.poolSize)
  const [head, body] = [Buffer.from(read.buffer, 0, 100), Buffer.from(read.buffer, 100)]
  for (const bytes of [shared, Buffer.from('short'), head]) {
    const { length } = bytes
    release(bytes)
    t.equal(bytes.length, length)
  }
  release(body)
  t.equal(body.length, 0, 'what was read at once is the memory of no others')
  t.end()
})
