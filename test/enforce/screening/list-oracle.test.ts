/** Lists of worlds that differ in hidden items only are the same lists, byte for byte. */
import * as fc from 'fast-check'
import t from 'tap'
import { createScreen } from '../../../src/enforce/screening/list-screen.ts'
import { documentsOf } from '../../../src/azureml/body/described.ts'
import { progressOf } from '../../../src/exchange.ts'
import { memberOf } from '../../../src/lib/json/document.ts'
import { Refusal } from '../../../src/errors.ts'
import { exchangeWith } from '../../support/exchange.ts'

const screenOf = (member: string, omitsEmpty: boolean) =>
  createScreen({
    progress: progressOf(exchangeWith({})),
    find: (root) => documentsOf(root, { list: true, member }),
    omitsEmpty,
    judge(document) {
      if (memberOf(document, 'hidden') !== null) throw new Refusal('policy_refused', 'hidden')
    },
  })

t.test('what is hidden leaves no trace in a page', async (t) => {
  const item = fc.record({
    n: fc.string(),
    list: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 2 }),
  })
  const items = fc.array(fc.tuple(fc.boolean(), item), { maxLength: 12 })
  const more = fc.constantFrom({}, { next_page_token: 't' }, { a: 1, z: [] })
  const first = fc.boolean()
  const indent = fc.constantFrom(0, 1, 4)
  let emptied = 0
  await fc.assert(
    fc.asyncProperty(
      items,
      more,
      first,
      indent,
      fc.boolean(),
      async (all, others, before, by, omits) => {
        const page = (list: readonly object[]): Buffer => {
          const own = omits && list.length === 0 ? {} : { runs: list }
          return Buffer.from(
            JSON.stringify(before ? { ...own, ...others } : { ...others, ...own }, null, by),
          )
        }
        const screen = screenOf('runs', omits)
        const shown = all.filter(([hidden]) => !hidden).map(([, one]) => one)
        const world = page(all.map(([hidden, one]) => (hidden ? { ...one, hidden } : one)))
        const [seen, alone] = [await screen(world), await screen(page(shown))]
        if (shown.length === 0 && all.length > 0) emptied += 1
        // a new buffer each time: headers about Azure's bytes go with them
        return seen.equals(alone) && alone.equals(page(shown)) && seen !== world
      },
    ),
    { seed: 6, numRuns: 2_000 },
  )
  t.ok(emptied > 20, `${emptied} pages were emptied`)
})
