import t from 'tap'
import { createCache } from '../../../src/lib/caches/cache.ts'

t.test('the entries that were used last are kept, and no more', (t) => {
  const cache = createCache<string, number>(3)
  for (const [n, name] of ['a', 'b', 'c'].entries()) cache.set(name, n)
  cache.get('a')
  cache.set('d', 3)
  t.same([...cache.keys()].sort(), ['a', 'c', 'd'])
  cache.set('a', 9)
  t.equal(cache.get('a'), 9)
  for (let n = 0; n < 10_000; n++) cache.set(`more ${n}`, n)
  t.equal(cache.size, 3)
  t.end()
})

t.test('an entry ends with its time', (t) => {
  let now = 1
  const cache = createCache<string, number>(3, {
    ttl: 100,
    perf: { now: () => now },
    ttlResolution: 0,
  })
  cache.set('a', 1)
  now = 100
  t.equal(cache.get('a'), 1)
  now = 102
  t.equal(cache.get('a'), undefined)
  t.end()
})

t.test('one that is empty takes no memory for what it may hold', (t) => {
  const before = process.memoryUsage()
  const caches = Array.from({ length: 10 }, () => createCache<string, string>(1_000_000))
  const after = process.memoryUsage()
  const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers
  t.ok(bytes < 10_000_000, `${bytes} bytes for ${caches.length} caches of a million entries`)
  t.end()
})
