/** A soak that should fail does. */
import t from 'tap'
import { createRecords, judgeEnds, judgeMemory, judgeUpstream } from './judge.ts'

const row = (kind: string, id: string, more: object = {}) => ({
  RecordKind: kind,
  ExchangeId: id,
  Seq: 1,
  ...more,
})
const MB = 1024 * 1024

t.test('requests and their ends', async (t) => {
  const records = createRecords()
  records.add([row('authorized', 'a'), row('completed', 'a'), row('gateway', 'g')])
  records.add([row('refused', 'b'), row('summary', 's', { Count: 3 })])
  const held = (sent: number, ...ids: string[]): boolean[] =>
    judgeEnds(records, sent, new Set(ids)).map((one) => one.held)
  t.same(held(5, 'a', 'b'), [true, true])
  t.same(held(6, 'a'), [false, true], 'one is missing')
  t.same(held(5, 'c'), [true, false], 'an answer without a record')
  records.add([row('completed', 'a')])
  t.same(held(6, 'a'), [false, true], 'two ends')
})

t.test('azure and the intents', async (t) => {
  const records = createRecords()
  records.add([row('authorized', 'a'), row('completed', 'a', { Outcome: 'success' })])
  records.add([row('authorized', 'b'), row('completed', 'b', { Outcome: 'unknown' })])
  const held = (...seen: string[]): boolean => judgeUpstream(records, new Set(seen)).held
  t.equal(held('a'), true)
  t.equal(held('a', 'b'), true)
  const reset = { Outcome: 'failed', RefusalCode: 'upstream_reset' }
  records.add([row('authorized', 'r'), row('completed', 'r', reset)])
  t.equal(held('a'), true, 'a connection that was just being closed')
  const bad = { Outcome: 'failed', RefusalCode: 'upstream_bad_answer' }
  records.add([row('authorized', 'x'), row('completed', 'x', bad)])
  t.equal(held('a'), false, 'what Azure has answered it has seen')
  t.equal(held('a', 'x'), true)
  t.equal(held('x'), false, 'nobody saw what has succeeded')
  t.equal(held('a', 'x', 'c'), false, 'azure saw what nobody authorized')
})

t.test('memory', async (t) => {
  const held = (each: (at: number) => number): boolean =>
    judgeMemory(Array.from({ length: 30 }, (_, at) => each(at) * MB)).held
  t.equal(
    held((at) => 40 + (at % 3)),
    true,
    'steady',
  )
  t.equal(
    held((at) => 40 + Math.min(at, 10) * 5),
    true,
    'caches fill at first',
  )
  t.equal(
    held((at) => 40 + at * 2),
    false,
    'a leak',
  )
  t.equal(judgeMemory([]).held, false, 'nothing was measured')
})
