/** Random GUIDs: their form, and that each is another one. */
import t from 'tap'
import { createGuids } from '../../src/lib/guid.ts'

const MANY = 10_000

t.test('each is a GUID of version 4, and there is none twice', async (t) => {
  const next = createGuids()
  const made = Array.from({ length: MANY }, next)
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  t.same(
    made.filter((one) => !form.test(one)),
    [],
  )
  t.equal(new Set(made).size, MANY)
})

t.test('every digit that is not fixed takes every value, and two makers make others', async (t) => {
  const [first, second] = [createGuids(), createGuids()]
  const made = Array.from({ length: MANY }, first)
  const values = Array.from({ length: 36 }, (_, at) => new Set(made.map((one) => one[at])).size)
  const fixed = new Map([
    [8, 1],
    [13, 1],
    [14, 1],
    [18, 1],
    [19, 4],
    [23, 1],
  ])
  t.same(
    values,
    values.map((_, at) => fixed.get(at) ?? 16),
  )
  const others = new Set(made)
  t.notOk(Array.from({ length: MANY }, second).some((one) => others.has(one)))
})
