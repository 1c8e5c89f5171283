/** The facts that a request is judged by: numbered by their values, and no two kinds with one number. */
import * as fc from 'fast-check'
import t from 'tap'
import { createFactsOf } from '../../../src/policy/engine/facts-of.ts'
import type { Facts } from '../../../src/policy/facts.ts'
import { operation, principal } from '../support.ts'

const JOB = operation('workspaces/jobs/read')
const ASKED = new Set(['bodyDigest', 'client', 'instanceCount', 'methods', 'ownOperation', 'tags'])
const LONG = 'x'.repeat(257)
/** More kinds of facts than are kept at once. */
const MANY = 25_000

const given = fc.record(
  {
    bodyDigest: fc.constantFrom('1', '', 'true', LONG),
    // of the token alone, whatever is given
    client: fc.constantFrom('a', 'b'),
    instanceCount: fc.constantFrom(1, 0, -1),
    ownOperation: fc.boolean(),
    tags: fc.constantFrom(['a'], []),
    notAsked: fc.constantFrom('a', 'b'),
    absent: fc.constantFrom([], ['tags'], ['bodyDigest', 'tags'], ['notAsked']),
  },
  { requiredKeys: [] },
)

t.test('equal facts are one object with one number, others have another', async (t) => {
  for (const asked of [ASKED, new Set([...ASKED].filter((name) => name !== 'methods')), null]) {
    const factsOf = createFactsOf(asked)
    const numbers = new Map<string, number>()
    const texts = new Map<number, string>()
    const one = (facts: Facts, client: string | null): void => {
      const { facts: found, number } = factsOf(principal({ client }), JOB, facts)
      const { absent: _, ...values } = found
      const isUnnumbered = Object.values(values).some(
        (value) => typeof value === 'object' || value === LONG,
      )
      if ((number === null) !== isUnnumbered) throw new Error(`numbered: ${JSON.stringify(found)}`)
      if (number === null) return
      const text = JSON.stringify(found)
      if ((numbers.get(text) ?? number) !== number) throw new Error(`${text} has two numbers`)
      if ((texts.get(number) ?? text) !== text) throw new Error(`${text} has the number of others`)
      numbers.set(text, number)
      texts.set(number, text)
    }
    fc.assert(fc.property(given, fc.constantFrom('c', null), one), { numRuns: 2_000 })
    t.equal(numbers.size, texts.size, `${numbers.size} kinds`)
    t.equal(numbers.size > 0, asked !== null && !asked.has('methods'), 'methods are a list')
  }
})

t.test('what policy does not ask for is left out, what is absent is told', async (t) => {
  const factsOf = createFactsOf(new Set(['bodyDigest', 'ownOperation']))
  const facts = { ownOperation: false, tags: ['a'], absent: ['tags', 'bodyDigest'] }
  const first = factsOf(principal(), JOB, facts)
  t.same(first.facts, { ownOperation: false, absent: ['bodyDigest'] })
  t.equal(factsOf(principal(), JOB, { ...facts }), first)
  t.same(factsOf(principal(), JOB, { ownOperation: false }).facts, { ownOperation: false })
})

t.test('of more kinds of facts than are kept, none has the number of another', async (t) => {
  const factsOf = createFactsOf(new Set(['tokenAgeSeconds', 'time']))
  const seen = new Map<number, string>()
  for (let round = 0; round < 2; round++)
    for (let age = 0; age < MANY; age++) {
      const { facts, number } = factsOf(principal(), JOB, { tokenAgeSeconds: age })
      const text = JSON.stringify(facts)
      if (number === null) throw new Error('numbers and short texts are numbered')
      if ((seen.get(number) ?? text) !== text) t.fail(`${text} has the number of others`)
      seen.set(number, text)
    }
  t.equal(seen.size, 2 * MANY, 'forgotten ones get new numbers')
})
