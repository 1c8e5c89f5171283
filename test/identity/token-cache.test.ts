/**
 * How many callers are known at once, counted: the tokens of a large company, or fewer with long lists of groups of their own.
 */
import t from 'tap'
import { createTokenCache, type VerifiedToken } from '../../src/identity/token-cache.ts'

const UNTIL = 1_000
const BEFORE = 0

/** A verified token with strings of its own, as they come out of a token. */
function tokenOf(person: number, groups: readonly string[]): VerifiedToken {
  const principal = {
    kind: 'user',
    id: `entra/t/person-${person}`,
    issuer: 'entra',
    tenant: 't',
    client: 'c',
    groups: groups.map((group) => `entra/t/${group}`),
    roles: ['entra/t/reader'],
    scopes: ['azureml'],
    resourceId: null,
    workspace: null,
    methods: [],
    issuedAt: 0,
    expiresAt: 1,
    authenticatedAt: null,
    tokenId: `token-${person}`,
    challengeable: false,
  } as const
  return { principal, binding: null, key: 'key', until: UNTIL }
}

t.test('100,000 callers of the same groups are known, all at once', async (t) => {
  const cache = createTokenCache()
  const groups = ['33333333-3333-4333-8333-333333333301', '33333333-3333-4333-8333-333333333302']
  for (let n = 0; n < 100_000; n++) cache.set(String(n), tokenOf(n, groups))
  t.equal(cache.counts().size, 100_000)
  for (let n = 0; n < 100_000; n++) cache.get(String(n), BEFORE)
  t.same(cache.counts(), { size: 100_000, hits: 100_000, misses: 0 })
})

t.test('callers with long lists of groups of their own are fewer', async (t) => {
  const cache = createTokenCache()
  const groupsOf = (person: number): string[] =>
    Array.from({ length: 200 }, (_, n) => `${person}-${n}`)
  for (let n = 0; n < 4_000; n++) cache.set(String(n), tokenOf(n, groupsOf(n)))
  const { size } = cache.counts()
  t.ok(size > 1_000 && size < 4_000, `${size} tokens of 200 groups`)
})

t.test('what is kept is equal to what was given, member by member', async (t) => {
  const cache = createTokenCache()
  const first = tokenOf(1, ['a', 'b', 'a'])
  const second = tokenOf(2, ['b', 'c'])
  t.same(cache.set('first', first), first)
  t.same(cache.set('second', second), second)
  t.same(cache.get('first', BEFORE), first)
  t.same(cache.get('second', BEFORE), second)
  t.equal(cache.get('first', UNTIL), null, 'until it ends')
  t.equal(cache.counts().size, 1)
})

t.test('who was given a token can tell whether the cache still has it', async (t) => {
  const cache = createTokenCache()
  const given = (name: string): VerifiedToken => cache.set(name, tokenOf(1, []))
  const first = given('first')
  t.equal(cache.again(first, BEFORE), first)
  t.same(cache.counts(), { size: 1, hits: 1, misses: 0 })
  t.equal(cache.again(first, UNTIL), null, 'until it ends')
  t.equal(cache.again(null, BEFORE), null)
  t.equal(cache.again(tokenOf(1, []), BEFORE), null, 'one that it never had')
  const replaced = given('first')
  t.equal(cache.again(first, BEFORE), null, 'another is in its place')
  cache.dropKeys(new Set(['another key']))
  t.equal(cache.again(replaced, BEFORE), replaced)
  cache.dropKeys(new Set(['key']))
  t.equal(cache.again(replaced, BEFORE), null, 'its key was withdrawn')
  const cleared = given('cleared')
  cache.clear()
  t.equal(cache.again(cleared, BEFORE), null)
  const oldest = given('oldest')
  const groups = Array.from({ length: 200 }, (_, n) => String(n))
  for (let n = 0; n < 4_000; n++)
    cache.set(
      String(n),
      tokenOf(
        n,
        groups.map((group) => `${n}-${group}`),
      ),
    )
  t.equal(cache.get('oldest', BEFORE), null)
  t.equal(cache.again(oldest, BEFORE), null, 'others took its place')
})
