import t from 'tap'
import { createNegativeCache } from '../../../src/lib/caches/negative-cache.ts'

const REMEMBERED_MS = 120_000

void t.test('a name is remembered for its time and no longer', async (test) => {
  let now = 1_000_000
  const cache = createNegativeCache(REMEMBERED_MS, () => now)
  cache.add('k')
  now += REMEMBERED_MS - 1
  test.ok(cache.has('k'))
  now += 1
  test.notOk(cache.has('k'))
})

void t.test('however many names come, a thousand are kept, the latest', async (test) => {
  const cache = createNegativeCache(REMEMBERED_MS, () => 1_000_000)
  const names = Array.from({ length: 100_000 }, (_, i) => `kid-${i}`)
  for (const name of names) cache.add(name)
  const kept = names.filter((name) => cache.has(name))
  test.same(kept, names.slice(-1_000))
})

void t.test(
  'a clock that was set back makes nothing unknown for longer than its time',
  async (test) => {
    let now = 1_000_000_000
    const cache = createNegativeCache(REMEMBERED_MS, () => now)
    cache.add('k')
    now -= 86_400_000
    test.notOk(cache.has('k'))
  },
)
