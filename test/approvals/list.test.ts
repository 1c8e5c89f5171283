/** Lists of reviews: every review once, in whatever pages; and what they read of a large ledger, counted. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as fc from 'fast-check'
import t from 'tap'
import { NAMES } from '../../src/approvals/documents.ts'
import { createDirectoryLedger } from '../../src/approvals/ledger/directory.ts'
import type { Ledger } from '../../src/approvals/ledger/ledger.ts'
import { monthOf } from '../../src/approvals/review-index.ts'
import { standingOf } from '../../src/approvals/state.ts'
import { createStore, inBatches } from '../../src/approvals/store.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { list } from '../../src/reviews/list.ts'
import { AUTHOR, idOf, requestOf, verdictOf } from './documents.ts'
import {
  circumstances,
  counting,
  DAY,
  NOW,
  optionsOf,
  pageAt,
  pages,
  principal,
  signatures,
} from './listing.ts'

const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-list-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
t.setTimeout(120_000)

/** As a directory is, but that nothing waits for the disk. */
const loading = (directory: string): Ledger => ({
  ...createDirectoryLedger(directory),
  async create(name, text) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    return true
  },
})

interface Seeded {
  readonly id: string
  readonly days: number
  readonly words: readonly ('approve' | 'reject' | 'withdraw' | 'override')[]
  /** A list has seen that it is over. */
  readonly isSettled?: boolean
}

/** Writes reviews that were asked for so many days ago, with what was said of them afterwards. */
async function seed(ledger: Ledger, all: readonly Seeded[]): Promise<void> {
  const store = createStore(ledger, signatures, () => undefined)
  await inBatches(all, 64, async ({ id, days, words, isSettled }) => {
    const iat = NOW - Math.floor(days * DAY)
    await store.write(requestOf({ id, iat }))
    for (const [at, word] of words.entries())
      await store.write(
        verdictOf({
          id,
          verdict: word,
          by: word === 'withdraw' || word === 'override' ? AUTHOR : 'okta/ann',
          decision: `d${at}`,
          iat: iat + 10 + at,
        }),
      )
    if (isSettled === true) await store.index.settle({ id, iat })
  })
}

const QUERIES = [
  'open',
  'approved',
  'due',
  'overdue',
  'rejected',
  'withdrawn',
  'expired',
  'used',
  'damaged',
  'all',
]
const seeded = fc.record({
  days: fc.double({ min: 0, max: 120, noNaN: true }),
  words: fc.array(
    fc.constantFrom(
      'approve' as const,
      'reject' as const,
      'withdraw' as const,
      'override' as const,
    ),
    { maxLength: 2 },
  ),
})

t.test('every review once, in the state that it has, whatever the pages', async (t) => {
  let [runs, found] = [0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.array(seeded, { minLength: 1, maxLength: 16 }),
      fc.integer({ min: 1, max: 7 }),
      async (all, limit) => {
        const ledger = loading(join(folder, `run-${runs++}`))
        await seed(
          ledger,
          all.map((one, number) => ({ ...one, id: idOf(number) })),
        )
        const options = optionsOf(ledger)
        const whole = await options.store.list('')
        for (const state of QUERIES) {
          const expected = whole.flatMap((review) => {
            const standing = standingOf(review, circumstances)
            const { state: its, override } = standing
            const isDue = state.endsWith('due') && override?.afterwards === state
            return its === state || isDue || state === 'all' ? [review.request.id] : []
          })
          // twice: what is over by now leaves the entries of what waits
          for (const _ of [1, 2]) {
            const { ids } = await pages(options, `state=${state}&limit=${limit}`)
            if (JSON.stringify(ids.toSorted()) !== JSON.stringify(expected.toSorted()))
              throw new Error(`${state}: ${ids.join()} and not ${expected.join()}`)
            found += ids.length
          }
        }
      },
    ),
    { numRuns: 12 },
  )
  t.ok(found > 0, `${found} were found`)
})

const MANY = 5_000
const WRITTEN = 1_000
/** A request and three lists of names; and a verdict. */
const A_REVIEW = 5

t.test(`of ${MANY} reviews, those that are listed are read`, async (t) => {
  const plain = loading(join(folder, 'many'))
  const all = Array.from({ length: MANY }, (_, number): Seeded => {
    const isOpen = number < WRITTEN && number % 50 === 0
    return isOpen
      ? { id: idOf(number), days: (number % 7) / 2, words: [] }
      : {
          id: idOf(number),
          days: number < WRITTEN ? 1 + (number % 90) : 100 + (number % 200),
          words: ['withdraw'],
          isSettled: true,
        }
  })
  await seed(plain, all.slice(0, WRITTEN))
  // of the others there are only the names: whoever read one of them would be seen to
  await inBatches(all.slice(WRITTEN), 64, async ({ id, days }) => {
    const iat = NOW - days * DAY
    await plain.create(NAMES.asked(monthOf(iat), iat, id), '')
  })
  const { ledger, take } = counting(plain)
  const options = optionsOf(ledger)
  const { ids, count } = await pages(options, 'state=open')
  t.equal(ids.length, WRITTEN / 50)
  t.equal(count, 1)
  const first = take()
  t.ok(first <= 1 + ids.length * A_REVIEW, `${first} questions`)
  await pages(options, 'state=open')
  const second = take()
  t.ok(second <= 1 + ids.length * 3, `${second} questions, for names alone`)

  const page = await pageAt(options, 'state=all&limit=50')
  t.equal(page.value.length, 50)
  const latest = take()
  t.ok(latest <= 2 + (50 + 16) * A_REVIEW, `${latest} questions`)
  const old = await pageAt(options, 'state=damaged')
  t.same(old.value, [])
  t.ok(old.cursor !== null, 'a page ends though nothing was found')
  const looked = take()
  t.ok(looked <= 20 + (500 + 16) * A_REVIEW, `${looked} questions`)
  const since = await pages(options, 'state=all&since=2026-11-14')
  t.ok(since.ids.length > 0 && since.count === 1)

  take()
  const id = idOf(17)
  await options.store.read(id)
  const one = take()
  t.ok(one <= A_REVIEW, `${one} questions for one review`)
  await options.store.list(id.slice(0, -1))
  const ofChange = take()
  t.ok(ofChange <= A_REVIEW + 1, `${ofChange} questions for those of one change`)
})

t.test('what a list is asked for in other words is refused', async (t) => {
  const options = optionsOf(loading(join(folder, 'none')))
  const words = [
    'state=none',
    'to=you',
    'limit=0',
    'limit=501',
    'since=yesterday',
    'cursor=x',
    'page=2',
  ]
  for (const query of words)
    t.throws(
      () => list(options, parseTarget('GET', `/_harness/api/reviews?${query}`), principal),
      { code: 'bad_query' },
      query,
    )
  t.same(await pageAt(options, 'state=all'), { value: [], cursor: null })
  t.same(await pageAt(options, 'state=open&to=me&cursor='), { value: [], cursor: null })
})
