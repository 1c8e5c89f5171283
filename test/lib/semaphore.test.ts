import t from 'tap'
import { createSemaphore } from '../../src/lib/semaphore.ts'

void t.test('so many at once, the others in the order in which they came', async (st) => {
  const semaphore = createSemaphore(2, 10)
  const order: string[] = []
  const take = async (name: string) => {
    st.equal(await semaphore.acquire(1_000), null)
    order.push(name)
  }
  await take('a')
  await take('b')
  const waiting = [take('c'), take('d')]
  await new Promise((done) => setImmediate(done))
  st.same(order, ['a', 'b'])
  semaphore.release()
  semaphore.release()
  await Promise.all(waiting)
  st.same(order, ['a', 'b', 'c', 'd'])
})

void t.test('nobody overtakes those who wait', async (st) => {
  const semaphore = createSemaphore(1, 1)
  await semaphore.acquire(0)
  const first = semaphore.acquire(1_000)
  semaphore.release()
  st.equal(await semaphore.acquire(1), 'no turn came in time')
  st.equal(await first, null)
})

void t.test('a full queue and a wait that is over have no permit', async (st) => {
  const semaphore = createSemaphore(1, 1)
  st.equal(await semaphore.acquire(0), null)
  const late = semaphore.acquire(5)
  st.equal(await semaphore.acquire(5), 'too many calls at once')
  st.equal(await late, 'no turn came in time')
  semaphore.release()
  st.equal(await semaphore.acquire(0), null, 'no permit is lost')
})
