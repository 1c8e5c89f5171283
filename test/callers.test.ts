/** What each caller may take of the gateway, and that all of it comes back. */
import * as fc from 'fast-check'
import t from 'tap'
import { createCallers, type CallerLimits, type Callers, type Lease } from '../src/callers.ts'

const LIMITS: CallerLimits = {
  inFlightPerPrincipal: 3,
  requestsPerSecondPerPrincipal: 10,
  burstPerPrincipal: 5,
  heldBytesPerPrincipal: 100,
  heldBytes: 150,
}

function taken(callers: Callers): Record<string, number | undefined> {
  return Object.fromEntries(callers.metrics().map(({ name, values }) => [name, values[0]?.value]))
}

const NOTHING = { callers_active: 0, calls_in_flight: 0, held_bytes: 0 }

t.test('calls at once: one too many is refused, another caller is not', async (t) => {
  const callers = createCallers(LIMITS)
  const leases = [1, 2, 3].map(() => callers.begin('a', 0))
  t.throws(() => callers.begin('a', 0), {
    code: 'too_many_requests',
    status: 429,
    message: /3 calls .*limits\.inFlightPerPrincipal/,
    detail: { retryAfter: 1 },
  })
  const other = callers.begin('b', 0)
  t.strictSame(taken(callers), { callers_active: 2, calls_in_flight: 4, held_bytes: 0 })
  leases.pop()?.leave()
  leases.push(callers.begin('a', 0))
  for (const lease of [...leases, other]) lease.leave()
  t.strictSame(taken(callers), NOTHING)
})

t.test('calls a second: a burst, then as many as time earns', async (t) => {
  const callers = createCallers(LIMITS)
  const call = (principal: string, at: number): void => callers.begin(principal, at).leave()
  for (let i = 0; i < 5; i += 1) call('a', 1000)
  t.throws(() => call('a', 1000), {
    code: 'too_many_requests',
    message: /10 calls a second .*limits\.requestsPerSecondPerPrincipal/,
    detail: { retryAfter: 0.1 },
  })
  call('b', 1000)
  call('a', 1100)
  t.throws(() => call('a', 1100), { code: 'too_many_requests' })
  t.throws(() => call('a', 0), { code: 'too_many_requests' }, 'going back earns nothing')
  for (let i = 0; i < 5; i += 1) call('a', 100_000)
  t.throws(() => call('a', 100_000), { code: 'too_many_requests' }, 'a pause earns one burst')
})

t.test('who was refused has taken nothing', async (t) => {
  const callers = createCallers({ ...LIMITS, inFlightPerPrincipal: 1 })
  const lease = callers.begin('a', 0)
  for (let i = 0; i < 20; i += 1) t.throws(() => callers.begin('a', 0))
  lease.leave()
  for (let i = 0; i < 4; i += 1) callers.begin('a', 0).leave()
  t.throws(() => callers.begin('a', 0), 'the burst is spent by what was let in')
})

t.test('held bytes: a budget for each caller, and one for all', async (t) => {
  const callers = createCallers(LIMITS)
  const [a, b] = [callers.begin('a', 0), callers.begin('b', 0)]
  a.hold(60)
  t.throws(() => a.hold(41), {
    code: 'too_many_requests',
    message: /limits\.heldBytesPerPrincipal, 100 bytes/,
    detail: { retryAfter: 1 },
  })
  a.hold(40)
  t.equal(a.mayHold(1), false)
  t.throws(() => b.hold(51), {
    code: 'overloaded',
    status: 503,
    message: /limits\.heldBytes, 150 bytes/,
    detail: { retryAfter: 2 },
  })
  t.equal(b.mayHold(51), false)
  t.equal(b.mayHold(50), true)
  t.strictSame(taken(callers), { callers_active: 2, calls_in_flight: 2, held_bytes: 150 })
  a.leave()
  b.hold(50)
  t.strictSame(taken(callers), { callers_active: 1, calls_in_flight: 1, held_bytes: 100 })
  b.leave()
  t.strictSame(taken(callers), NOTHING)
})

t.test('a call ends when the last who works on it has left, and then for good', async (t) => {
  const callers = createCallers(LIMITS)
  const lease = callers.begin('a', 0)
  lease.enter()
  lease.hold(10)
  lease.leave()
  t.strictSame(taken(callers), { callers_active: 1, calls_in_flight: 1, held_bytes: 10 })
  lease.leave()
  t.strictSame(taken(callers), NOTHING)
  lease.enter()
  lease.leave()
  t.equal(lease.mayHold(1), false, 'nothing is held for what has ended')
  t.strictSame(taken(callers), NOTHING)
})

t.test('callers of long ago are forgotten', async (t) => {
  const callers = createCallers({ ...LIMITS, burstPerPrincipal: 1 })
  callers.begin('a', 0).leave()
  const held = callers.begin('b', 0)
  t.throws(() => callers.begin('a', 0))
  for (let i = 0; i < 10_000; i += 1) callers.begin(`other-${i}`, 0).leave()
  callers.begin('a', 0).leave()
  t.throws(() => callers.begin('b', 0), 'who has a call in flight is not')
  held.leave()
  t.strictSame(taken(callers), NOTHING)
})

t.test('whatever is begun, held and left in whatever order: all comes back', async (t) => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ what: fc.constant('begin'), n: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ what: fc.constant('hold'), n: fc.nat(120) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('mayHold'), n: fc.nat(120) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('enter'), n: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('leave'), n: fc.nat() }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const callers = createCallers(LIMITS)
      const leases: { readonly lease: Lease; inside: number }[] = []
      let now = 0
      const refused = (work: () => void): boolean => {
        try {
          work()
          return false
        } catch {
          return true
        }
      }
      for (const { what, n } of steps) {
        now += 20
        const one = leases[n % Math.max(1, leases.length)]
        if (what === 'begin')
          refused(() => leases.push({ lease: callers.begin(`p${n}`, now), inside: 1 }))
        else if (one === undefined) continue
        else if (what === 'hold') refused(() => one.lease.hold(n))
        else if (what === 'mayHold') one.lease.mayHold(n)
        else if (what === 'enter' && one.inside > 0) {
          one.lease.enter()
          one.inside += 1
        } else if (what === 'leave') {
          one.lease.leave()
          one.inside = Math.max(0, one.inside - 1)
        }
        const { calls_in_flight: inFlight = -1, held_bytes: held = -1 } = taken(callers)
        if (held < 0 || held > LIMITS.heldBytes) return false
        if (inFlight !== leases.filter(({ inside }) => inside > 0).length) return false
      }
      for (const one of leases) for (; one.inside > 0; one.inside -= 1) one.lease.leave()
      return JSON.stringify(taken(callers)) === JSON.stringify(NOTHING)
    }),
    { numRuns: 2_000 },
  )
  t.pass('2000 runs')
})
