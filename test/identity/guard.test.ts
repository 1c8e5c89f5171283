import t from 'tap'
import { Refusal } from '../../src/errors.ts'
import { createGuard } from '../../src/identity/guard.ts'
import type { Answer } from '../../src/identity/outbound.ts'
import { codeOf, makeClock } from './support/world.ts'

const good: Answer = { ok: true, status: 200, body: {}, retryAfter: null }
const bad: Answer = { ok: false, why: 'ECONNREFUSED' }

function setUp() {
  const clock = makeClock()
  const waits: number[] = []
  const guard = createGuard({
    now: clock,
    refuse(retryAfter, inner) {
      waits.push(retryAfter)
      return new Refusal('graph_unavailable', 'x', { retryAfter, inner })
    },
  })
  const call = (answer: Answer) => codeOf(guard.run(() => Promise.resolve(answer)))
  return { clock, waits, guard, call }
}

void t.test(
  'the back-off doubles from 1 to 30 seconds and ends with a good answer',
  async (test) => {
    const { clock, waits, call } = setUp()
    for (let i = 0; i < 7; i += 1) {
      test.equal(await call(bad), 'graph_unavailable')
      clock.ms += 30_000
    }
    test.same(waits, [1, 2, 4, 8, 16, 30, 30])
    test.equal(await call(good), 'accepted')
    await call(bad)
    test.equal(waits.at(-1), 1)
  },
)

void t.test('calls that fail together count as one failure', async (test) => {
  const { waits, call } = setUp()
  await Promise.all(Array.from({ length: 50 }, () => call(bad)))
  test.same(new Set(waits), new Set([1]))
})

void t.test('no more than a hundred calls are under way at once', async (test) => {
  const { guard } = setUp()
  const held = new Promise((resolve) => {
    setImmediate(resolve)
  })
  const all = Array.from({ length: 150 }, () => codeOf(guard.run(() => held.then(() => good))))
  const codes = await Promise.all(all)
  test.equal(codes.filter((code) => code === 'accepted').length, 100)
  test.same(guard.counts(), { calls: 100, failures: 0 })
})

void t.test('a Retry-After of an hour is cut to 30 seconds', async (test) => {
  const { waits, call } = setUp()
  await call({ ok: true, status: 429, body: null, retryAfter: 3_600 })
  test.same(waits, [30])
})
