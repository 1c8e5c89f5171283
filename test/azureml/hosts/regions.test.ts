import t from 'tap'
import { createRegions } from '../../../src/azureml/hosts/regions.ts'

t.test('a region is asked for once, however many wait for it', async (t) => {
  let asked = 0
  const regions = createRegions(() => 1)
  const ask = async () => {
    asked += 1
    return 'West Europe'
  }
  const all = await Promise.all(
    Array.from({ length: 50 }, async () => regions.regionOf('/w', 'id', ask)),
  )
  t.strictSame([...new Set(all)], ['westeurope'])
  t.equal(await regions.regionOf('/w', 'other', ask), 'westeurope')
  t.equal(asked, 1)
})

t.test('it is asked for again after an hour', async (t) => {
  let time = 1
  const regions = createRegions(() => time)
  t.equal(await regions.regionOf('/w', 'id', async () => 'westus'), 'westus')
  time += 3_599_000
  t.equal(await regions.regionOf('/w', 'id', async () => 'eastus'), 'westus')
  time += 2_000
  t.equal(await regions.regionOf('/w', 'id', async () => 'eastus'), 'eastus')
})

t.test('a failure is not remembered, nor shared with another identity', async (t) => {
  const regions = createRegions(() => 1)
  const fail = regions.regionOf('/w', 'one', async () => Promise.reject(new Error('no access')))
  const work = regions.regionOf('/w', 'two', async () => 'westus')
  await t.rejects(Promise.resolve(fail), { message: 'no access' })
  t.equal(await work, 'westus')
})

t.test('what cannot be a label of a host name is no region', async (t) => {
  const regions = createRegions(() => 1)
  for (const location of ['', 'evil.example', 'a/b', 'westus@x', 'x'.repeat(41)]) {
    await t.rejects(async () => regions.regionOf('/w', 'id', async () => location), {
      code: 'upstream_bad_answer',
    })
  }
})
