import t from 'tap'
import { Refusal } from '../../src/errors.ts'
import { createGuard } from '../../src/lib/guard.ts'
import type { Answer } from '../../src/lib/http.ts'
import { codeOf, makeClock } from '../identity/support/world.ts'

const good: Answer = { ok: true, status: 200, body: {}, retryAfter: null }
const bad: Answer = { ok: false, why: 'ECONNREFUSED' }

function setUp({ waitMs = 5_000 } = {}) {
  const clock = makeClock()
  const waits: number[] = []
  const reasons: string[] = []
  const guard = createGuard({
    now: clock,
    waitMs,
    refuse(retryAfter, inner) {
      waits.push(retryAfter)
      reasons.push(inner)
      return new Refusal('graph_unavailable', 'x', { retryAfter, inner })
    },
  })
  const call = (answer: Answer) => codeOf(guard.run(() => Promise.resolve(answer)))
  return { clock, waits, reasons, guard, call }
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

void t.test('a hundred calls are under way at once, the others wait in line', async (test) => {
  const { guard } = setUp()
  let [underWay, most] = [0, 0]
  const call = async (): Promise<Answer> => {
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise((done) => setImmediate(done))
    underWay -= 1
    return good
  }
  const codes = await Promise.all(Array.from({ length: 1_100 }, () => codeOf(guard.run(call))))
  test.same(new Set(codes), new Set(['accepted']))
  test.equal(most, 100)
  test.same(guard.counts(), { calls: 1_100, failures: 0 })
})

void t.test('where there is no more room in line, there is no waiting', async (test) => {
  const { guard, reasons } = setUp()
  const { promise: held, resolve: letGo } = Promise.withResolvers<Answer>()
  const all = Array.from({ length: 1_100 }, () => codeOf(guard.run(() => held)))
  test.equal(await codeOf(guard.run(() => held)), 'graph_unavailable')
  test.same(reasons, ['too many calls at once'])
  letGo(good)
  test.same(new Set(await Promise.all(all)), new Set(['accepted']))
})

void t.test('a wait for a turn ends in its time', async (test) => {
  const { guard, reasons } = setUp({ waitMs: 10 })
  const { promise: held, resolve: letGo } = Promise.withResolvers<Answer>()
  const all = Array.from({ length: 100 }, () => codeOf(guard.run(() => held)))
  test.equal(await codeOf(guard.run(() => held)), 'graph_unavailable')
  test.same(reasons, ['no turn came in time'])
  letGo(good)
  test.same(new Set(await Promise.all(all)), new Set(['accepted']))
  test.equal(await codeOf(guard.run(() => Promise.resolve(good))), 'accepted', 'no turn is lost')
})

void t.test('those who wait for a side that fails are not sent there, too', async (test) => {
  const { guard, reasons } = setUp()
  const { promise: held, resolve: letGo } = Promise.withResolvers<Answer>()
  const all = Array.from({ length: 500 }, () => codeOf(guard.run(() => held)))
  letGo(bad)
  test.same(new Set(await Promise.all(all)), new Set(['graph_unavailable']))
  test.same(guard.counts(), { calls: 100, failures: 100 })
  test.equal(reasons.filter((reason) => reason === 'backing off').length, 400)
})

void t.test('a Retry-After of an hour is cut to 30 seconds', async (test) => {
  const { waits, call } = setUp()
  await call({ ok: true, status: 429, body: null, retryAfter: 3_600 })
  test.same(waits, [30])
})

void t.test('after a failure one call at a time sees whether the service is back', async (test) => {
  const { clock, guard, call, reasons } = setUp()
  await call(bad)
  clock.ms += 1_000
  const { promise: held, resolve: letGo } = Promise.withResolvers<Answer>()
  const trial = codeOf(guard.run(() => held))
  test.equal(await call(good), 'graph_unavailable')
  test.equal(reasons.at(-1), 'one call sees whether it is back')
  letGo(good)
  test.equal(await trial, 'accepted')
  test.equal(await call(good), 'accepted')
})

void t.test('a call that throws does not keep the service closed for ever', async (test) => {
  const { clock, guard, call } = setUp()
  await call(bad)
  clock.ms += 1_000
  await test.rejects(
    guard.run(() => Promise.reject(new Error('a bug'))),
    { message: 'a bug' },
  )
  clock.ms += 2_000
  test.equal(await call(good), 'accepted')
})
