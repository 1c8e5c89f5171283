/**
 * When groups begin, by a clock that stands until it is moved and timers that are let go by hand.
 */
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import {
  createQueue,
  type Lane,
  type Queue,
  type Settling,
} from '../../../src/audit/spool/queue.ts'

const MANY = 4
const APART_MS = 2
const OUTCOME_WAITS_MS = 20
const FULL = 1_024

interface Fixture {
  readonly queue: Queue
  /** Records of each group that was written, in order. */
  readonly written: number[]
  readonly add: (count: number, lane?: Lane) => Promise<void>
  /** Moves the clock, and lets timers go that are over by then. */
  readonly pass: (ms: number) => Promise<void>
  /** Has writes wait until `release`. */
  readonly hold: () => void
  readonly release: () => void
}

/** As many turns as a group takes that waits for no timer. */
async function turns(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await turn()
}

function fixture(): Fixture {
  let now = 1_000
  let held: PromiseWithResolvers<void> | null = null
  const written: number[] = []
  const queue = createQueue(
    async ({ entries, waiters }): Promise<Settling> => {
      written.push(entries.length)
      await held?.promise
      return waiters.map(({ resolve }) => resolve)
    },
    () => now,
  )
  return {
    queue,
    written,
    async add(count, lane = 'intent') {
      await Promise.all(Array.from({ length: count }, () => queue.add('checkpoint', lane)))
    },
    async pass(ms) {
      now += ms
      mock.timers.tick(ms)
      await turns()
    },
    hold() {
      held = Promise.withResolvers()
    },
    release() {
      held?.resolve()
      held = null
    },
  }
}

t.beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] })
})
t.afterEach(() => {
  mock.timers.reset()
})

t.test('while few wait, each group begins at once', async (t) => {
  const { add, written } = fixture()
  // these would never resolve if they waited for the clock
  for (let n = 0; n < 5; n += 1) await add(MANY - 1)
  t.same(written, [3, 3, 3, 3, 3])
})

t.test('behind a group that many waited for, records gather until it is 2 ms ago', async (t) => {
  const { add, pass, written } = fixture()
  // who waited for it is told at once
  await add(MANY)
  const next = [add(1), add(1, 'outcome'), add(1, 'reserved')]
  await turns()
  next.push(add(3))
  await pass(APART_MS - 1)
  t.same(written, [4])
  await pass(1)
  t.same(written, [4, 6])
  await Promise.all(next)
  // many waited for that one, too
  const last = add(1)
  await turns()
  t.same(written, [4, 6])
  await pass(APART_MS)
  t.same(written, [4, 6, 1])
  await last
  await add(1)
  t.same(written, [4, 6, 1, 1], 'and few for the last: at once again')
})

t.test('a group that took the disk longer than that is followed at once', async (t) => {
  const { add, hold, release, pass, written } = fixture()
  hold()
  const first = add(MANY)
  await turns()
  const next = add(100)
  await pass(APART_MS)
  t.same(written, [4], 'one group at a time')
  release()
  await Promise.all([first, next])
  t.same(written, [4, 100])
})

t.test('outcomes, which nobody waits for, hold up no group', async (t) => {
  const { add, pass, written } = fixture()
  const outcomes = add(100, 'outcome')
  await add(1)
  await outcomes
  await add(1)
  t.same(written, [101, 1])
  const alone = add(100, 'outcome')
  await pass(OUTCOME_WAITS_MS - 1)
  t.same(written, [101, 1])
  await pass(1)
  await alone
  await add(1)
  t.same(written, [101, 1, 100, 1])
})

t.test('outcomes behind a group that many waited for wait their time, not its', async (t) => {
  const { add, pass, written } = fixture()
  await add(MANY)
  const outcome = add(1, 'outcome')
  await pass(APART_MS)
  t.same(written, [4])
  await pass(OUTCOME_WAITS_MS)
  await outcome
  t.same(written, [4, 1])
})

t.test('a full group does not wait', async (t) => {
  const { add, pass, written } = fixture()
  await add(MANY)
  const all = add(FULL + 1)
  await turns()
  t.same(written, [4, FULL])
  await pass(APART_MS)
  await all
  t.same(written, [4, FULL, 1])
})

t.test('what is to be drained does not wait', async (t) => {
  const { add, queue, written } = fixture()
  await add(MANY)
  const all = [add(2), add(1, 'outcome')]
  await queue.drained()
  await Promise.all(all)
  t.same(written, [4, 3])
})
