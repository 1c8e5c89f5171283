import * as fc from 'fast-check'
import t from 'tap'
import { createTally, OTHER_SOURCES, type Summary } from '../../../src/audit/unidentified/tally.ts'

/** A tally whose seconds are told. */
function tallyOf(options: { burst?: number; perSecond?: number; sources?: number } = {}) {
  let seconds = 0
  const tally = createTally({
    burst: 2,
    perSecond: 1,
    sources: 2,
    elapsed: () => seconds * 1000,
    ...options,
  })
  return {
    ...tally,
    pass(more: number) {
      seconds += more
    },
  }
}

t.test('a source spends its burst, and gets it back by the second', async (t) => {
  const tally = tallyOf()
  t.same([tally.spend('a'), tally.spend('a'), tally.spend('a')], [true, true, false])
  t.ok(tally.spend('b'), 'another has its own')
  tally.pass(0.5)
  t.notOk(tally.spend('a'))
  tally.pass(0.5)
  t.same([tally.spend('a'), tally.spend('a')], [true, false])
  tally.pass(3_600)
  t.same([tally.spend('a'), tally.spend('a'), tally.spend('a')], [true, true, false], 'no more')
})

t.test('a summary says how many, of which codes, from when to when, and names a few', async (t) => {
  const tally = tallyOf()
  for (let at = 0; at < 20; at += 1) tally.count('a', `id${at}`, at < 5 ? 'x' : 'y', 100 + at)
  const [summary, ...others] = tally.take()
  t.same(others, [])
  t.same(summary, {
    source: 'a',
    count: 20,
    first: 100,
    last: 119,
    codes: new Map([
      ['x', 5],
      ['y', 15],
    ]),
    samples: ['id0', 'id1', 'id2', 'id3', 'id4', 'id5', 'id6', 'id7'],
  })
  t.same(tally.take(), [], 'taken once')
})

t.test('sources beyond those that are remembered share one account', async (t) => {
  const tally = tallyOf({ sources: 2 })
  for (const source of ['a', 'b', 'c', 'd']) tally.count(source, source, 'x', 1)
  t.same(
    tally.take().map(({ source, count }) => [source, count]),
    [
      ['a', 1],
      ['b', 1],
      [OTHER_SOURCES, 2],
    ],
  )
  t.same([tally.spend('e'), tally.spend('f'), tally.spend('g')], [true, true, false])
})

t.test('a source is forgotten once its burst is whole again, and not before', async (t) => {
  const tally = tallyOf({ sources: 1 })
  for (let spent = 0; spent < 2; spent += 1) tally.spend('a')
  tally.pass(1)
  tally.take()
  t.notOk(tally.spend('a') && tally.spend('a'), 'it has what it got back, not a new burst')
  tally.pass(2)
  tally.take()
  tally.count('b', 'id', 'x', 1)
  t.equal(tally.take()[0]?.source, 'b', 'its place is free')
})

t.test('what could not be recorded is joined with what came meanwhile', async (t) => {
  const tally = tallyOf({ sources: 1 })
  tally.count('a', 'first', 'x', 1)
  const [summary] = tally.take()
  tally.count('a', 'second', 'y', 2)
  tally.keep(summary as Summary)
  t.match(tally.take(), [
    { source: 'a', count: 2, first: 1, last: 2, samples: ['first', 'second'] },
  ])
  tally.count('b', 'id', 'x', 3)
  tally.keep(summary as Summary)
  t.same(
    tally.take().map(({ source, count }) => [source, count]),
    [
      ['a', 1],
      [OTHER_SOURCES, 1],
    ],
    'a is still told apart, and there is no place for b',
  )
})

t.test('no refusal is lost, whatever is counted, taken, kept and forgotten', async (t) => {
  const step = fc.oneof(
    fc.record({ spend: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ take: fc.boolean() }),
    fc.record({ pass: fc.double({ min: 0, max: 5, noNaN: true }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const tally = tallyOf({ sources: 3 })
      let counted = 0
      let recorded = 0
      const sum = (summaries: readonly Summary[]): number =>
        summaries.reduce((all, one) => all + one.count, 0)
      for (const one of steps) {
        if ('spend' in one) {
          const source = `s${one.spend}`
          if (tally.spend(source)) continue
          tally.count(source, 'id', 'x', counted)
          counted += 1
        } else if ('pass' in one) tally.pass(one.pass)
        else if (one.take) recorded += sum(tally.take())
        else for (const summary of tally.take()) tally.keep(summary)
      }
      const left = tally.take()
      const codes = left.flatMap((summary) => [...summary.codes.values()])
      return (
        recorded + sum(left) === counted &&
        codes.reduce((all, one) => all + one, 0) === sum(left) &&
        left.every(({ samples }) => samples.length <= 8)
      )
    }),
  )
  t.pass()
})
