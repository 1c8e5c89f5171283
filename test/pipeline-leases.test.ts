/** What a call takes of its caller's limits in the pipeline, and that it comes back however the call ends. */
import t from 'tap'
import { Refusal } from '../src/errors.ts'
import { principal } from './policy/support.ts'
import { pipelineWorld as world } from './support/pipeline.ts'

/** As long as anything that needs no disk goes on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

const NOTHING = { callers_active: 0, calls_in_flight: 0, held_bytes: 0 }
const HELD = { callers_active: 1, calls_in_flight: 1, held_bytes: 7 }

t.test('a call takes of its caller’s limits until it and its connection have ended', async (t) => {
  const { run, close, taken, disk, stages, records, status } = await world(t, 'PUT', {
    finish: (_exchange, _permit, _gathered, progress) => {
      progress.hold(7)
      return { body: null, changes: null }
    },
  })
  disk.resolve()
  await run()
  t.same(taken(), HELD)
  t.throws(
    () => stages.callers.begin('entra/t/nobody', 0),
    { code: 'too_many_requests' },
    'one at once',
  )
  close()
  t.same(taken(), NOTHING)
  t.same(status, [])
  t.equal(records.at(-1)?.kind, 'completed client_abort')
})

t.test(
  'too many calls of a caller: refused with its principal on record, nothing asked',
  async (t) => {
    const { run, close, taken, stages, steps, records, status } = await world(t)
    const before = stages.callers.begin('entra/t/nobody', 0)
    await run()
    close()
    t.same(status, [429])
    t.same(steps, ['checkInbound', 'parseTarget', 'identify', 'refused'])
    t.match(records[0]?.exchange, {
      refusal: { code: 'too_many_requests' },
      principal: { id: 'entra/t/nobody' },
    })
    before.leave()
    t.same(taken(), NOTHING)
  },
)

t.test('a refused call gives back what it took, once its connection is done with it', async (t) => {
  const { run, close, taken } = await world(t, 'PUT', {
    gather: async (_exchange, _request, progress) => {
      progress.hold(7)
      throw new Refusal('policy_refused', 'no')
    },
  })
  await run()
  t.same(taken(), HELD)
  close()
  t.same(taken(), NOTHING)
})

t.test('who hangs up while the call is judged takes until the judging is over', async (t) => {
  const looked = Promise.withResolvers<null>()
  const { run, close, taken, hangUp } = await world(t, 'PUT', {
    lookUp: (_exchange, _gathered, _via, progress) => {
      progress.hold(7)
      return looked.promise
    },
  })
  const done = run()
  await settled()
  hangUp()
  close()
  t.same(taken(), HELD)
  looked.resolve(null)
  await done
  t.same(taken(), NOTHING)
})

t.test('who has gone before it is known who it is takes nothing', async (t) => {
  const known = Promise.withResolvers<ReturnType<typeof principal>>()
  const { run, close, taken, hangUp, steps, records } = await world(t, 'PUT', {
    identify: () => known.promise,
  })
  const done = run()
  await settled()
  hangUp()
  close()
  known.resolve(principal())
  await done
  t.same(taken(), NOTHING)
  t.same(steps, ['checkInbound', 'parseTarget', 'refused'])
  t.equal(records.length, 1)
})

t.test('a change whose caller has gone takes until Azure has answered', async (t) => {
  const end = Promise.withResolvers<void>()
  const { run, close, taken, disk } = await world(t, 'PUT', {
    forward: (_grant, { progress }) => {
      progress.hold(7)
      progress.leaving('https://azure.test', { name: 'x', clientId: null, objectId: null })
      progress.underWay(end.promise)
    },
  })
  disk.resolve()
  await run()
  close()
  t.same(taken(), HELD)
  end.resolve()
  await settled()
  t.same(taken(), NOTHING)
})

t.test(
  'an answer that is worked on when its caller has gone is held until that ends',
  async (t) => {
    let end = (): void => undefined
    const { run, close, taken } = await world(t, 'GET', {
      forward: (_grant, { progress }) => {
        progress.entered()
        progress.hold(7)
        end = () => progress.left()
      },
    })
    await run()
    close()
    t.same(taken(), HELD)
    end()
    t.same(taken(), NOTHING)
  },
)
