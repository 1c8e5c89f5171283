import t from 'tap'
import { createCircuitBreaker } from '../../src/lib/circuit-breaker.ts'

void t.test('the delay doubles from 1 s to 30 s and starts again after a success', (st) => {
  let now = 0
  const breaker = createCircuitBreaker(() => now)
  const delays: number[] = []
  for (let failure = 0; failure < 8; failure += 1) {
    st.ok(breaker.begin())
    breaker.failed(0)
    delays.push(breaker.delay())
    now += breaker.delay()
  }
  st.same(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  st.ok(breaker.begin())
  breaker.succeeded()
  st.notOk(breaker.isOpen())
  breaker.failed(0)
  st.equal(breaker.delay(), 1000)
  st.end()
})

void t.test('after a failure one trial at a time is let through, however long it takes', (st) => {
  let now = 0
  const breaker = createCircuitBreaker(() => now)
  st.ok(breaker.begin() && breaker.begin(), 'unlimited while all is well')
  breaker.failed(0)
  st.notOk(breaker.begin())
  now = 1000
  st.ok(breaker.begin())
  now = 100_000
  st.notOk(breaker.begin())
  breaker.succeeded()
  st.ok(breaker.begin())
  st.end()
})

void t.test('attempts that were under way together count as one failure', (st) => {
  const breaker = createCircuitBreaker(() => 0)
  for (let attempt = 0; attempt < 50; attempt += 1) breaker.begin()
  for (let attempt = 0; attempt < 50; attempt += 1) breaker.failed(0)
  st.equal(breaker.delay(), 1000)
  st.end()
})

void t.test('Retry-After prolongs the delay, up to five minutes, and never shortens it', (st) => {
  for (const [retryAfter, delay] of [
    [0, 1000],
    [500, 1000],
    [20_000, 20_000],
    [86_400_000, 300_000],
  ] as const) {
    const breaker = createCircuitBreaker(() => 0)
    breaker.begin()
    breaker.failed(retryAfter)
    st.equal(breaker.delay(), delay)
  }
  st.end()
})

void t.test('of calls that fail together, the longest Retry-After counts', (st) => {
  const breaker = createCircuitBreaker(() => 0)
  for (let attempt = 0; attempt < 3; attempt += 1) breaker.begin()
  for (const retryAfter of [0, 20_000, 5_000]) breaker.failed(retryAfter)
  st.equal(breaker.delay(), 20_000)
  st.end()
})

void t.test('its owner may bound Retry-After further', (st) => {
  const breaker = createCircuitBreaker(() => 0, 30_000)
  breaker.begin()
  breaker.failed(3_600_000)
  st.equal(breaker.delay(), 30_000)
  st.end()
})

void t.test('a clock that jumps back does not keep it open', (st) => {
  let now = 10_000_000
  const breaker = createCircuitBreaker(() => now)
  breaker.begin()
  breaker.failed(0)
  now -= 3_600_000
  st.equal(breaker.delay(), 0)
  st.ok(breaker.begin())
  st.end()
})
