/** The pipeline by itself: which stage runs when, what stops it, and what it writes on record, with fakes of all stages. */
import t from 'tap'
import { classify } from '../src/azureml/classify.ts'
import { parseTarget } from '../src/azureml/target.ts'
import type { Gathered } from '../src/enforce/enforce.ts'
import { Refusal } from '../src/errors.ts'
import type { Exchange } from '../src/exchange.ts'
import { answerOf } from '../src/forward/answer-body.ts'
import { createForward } from '../src/forward/forward.ts'
import type { UpstreamListener } from '../src/forward/upstream-call.ts'
import type { Stages } from '../src/stages.ts'
import { WS } from './policy/support.ts'
import { pipelineWorld as world } from './support/pipeline.ts'

const OPEN = 'the client closed the connection before it had an answer'

/** As long as anything that needs no disk goes on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

const BEFORE_RECORD = [
  'checkInbound',
  'parseTarget',
  'identify',
  'classify',
  'gather',
  'decide',
  'route',
  'lookUp',
  'grant',
  'finish',
  'screen',
  'admit',
]

t.test('the stages run once each, in their order', async (t) => {
  const { run, steps, disk, calls } = await world(t)
  disk.resolve()
  await run()
  t.same(steps, [...BEFORE_RECORD, 'authorized', 'forward'])
  const [sent] = calls
  t.equal(sent?.call.origin, 'https://azure.test')
  t.equal(sent?.call.path, '/path')
  t.equal(sent?.grant.permit.effects.identity, 'ml-writer')
})

t.test('a change waits for its record before it is forwarded', async (t) => {
  const { run, steps, disk } = await world(t)
  const done = run()
  await settled()
  t.equal(steps.at(-1), 'authorized')
  disk.resolve()
  await done
  t.equal(steps.at(-1), 'forward')
})

t.test('a read does not wait for its record before it is forwarded', async (t) => {
  const { run, steps, calls, disk } = await world(t, 'GET')
  await run()
  t.equal(steps.at(-1), 'forward')
  let durable = false
  void Promise.resolve(calls[0]?.call.recorded).then(() => (durable = true))
  await settled()
  t.equal(durable, false, 'who sends the answer has the record to wait for')
  disk.resolve()
  await settled()
  t.equal(durable, true)
})

t.test('no byte of the answer to a read leaves before its record is durable', async (t) => {
  const listeners: UpstreamListener[] = []
  const forward = createForward({
    userAgent: 'test',
    upstream: {
      send: (_request: unknown, listener: UpstreamListener) => {
        listeners.push(listener)
        return { giveUp: () => undefined }
      },
    } as unknown as Parameters<typeof createForward>[0]['upstream'],
    timeoutMs: 1_000,
    holdBytes: 1024,
    rewriteHeaders: () => undefined,
    rewrites: () => false,
    rewriter: () => null,
    textRedactor: () => ({ write: () => undefined, end: () => undefined }),
  })
  const { run, sent, status, disk } = await world(t, 'GET', { forward })
  await run()
  const [listener] = listeners
  if (listener === undefined) throw new Error('nothing was sent to azure')
  const body = Buffer.from('{}')
  listener.arrived(answerOf(200, {}, body))
  await settled()
  t.same([sent, status], [[], []])
  disk.resolve()
  await settled()
  t.same([sent, status], [[body], [200]])
})

t.test(
  'a record of a read that could not be made durable is what its answer waits for',
  async (t) => {
    const { run, calls, disk } = await world(t, 'GET')
    await run()
    disk.reject(new Refusal('audit_unavailable', 'no space'))
    await t.rejects(Promise.resolve(calls[0]!.call.recorded), { code: 'audit_unavailable' })
  },
)

t.test(
  'an intent that could not be made durable is withdrawn: the request is refused',
  async (t) => {
    const { run, steps, records, disk, close, status } = await world(t)
    disk.reject(new Refusal('audit_unavailable', 'no space'))
    await run()
    close()
    t.same(
      steps,
      [...BEFORE_RECORD, 'authorized', 'refused'],
      'not forwarded, and no end of a call',
    )
    t.equal(records.at(-1)?.exchange.refusal?.code, 'audit_unavailable')
    t.same(status, [503])
  },
)

t.test('nothing is forwarded if a stage throws, and there is one record of it', async (t) => {
  const fail = (): never => {
    throw new Error('a stage failed')
  }
  const failing: readonly (keyof Stages)[] = [
    'checkInbound',
    'parseTarget',
    'identify',
    'classify',
    'gather',
    'decide',
    'route',
    'lookUp',
    'grant',
    'finish',
    'screen',
  ]
  for (const stage of failing) {
    const { run, steps, calls, records, close, status } = await world(t, 'PUT', { [stage]: fail })
    await run()
    close()
    t.same(steps, [...BEFORE_RECORD.slice(0, BEFORE_RECORD.indexOf(stage)), 'refused'], stage)
    t.equal(calls.length, 0, stage)
    t.equal(records[0]?.exchange.refusal?.code, 'internal_error', stage)
    t.same(status, [500], stage)
  }
})

t.test('nothing is forwarded if nothing can be recorded', async (t) => {
  const { run, steps, calls, stages } = await world(t, 'GET')
  const recorder = stages.recorder as { admit: () => void }
  recorder.admit = () => {
    throw new Refusal('audit_unavailable', 'no space')
  }
  await run()
  t.equal(calls.length, 0)
  t.same(steps, [...BEFORE_RECORD.slice(0, -1), 'refused'])
})

t.test('what policy refuses goes no further', async (t) => {
  const gather = async ({ operation }: Exchange): Promise<Gathered> => {
    if (operation === null) throw new Error('not classified')
    return { operation, facts: { tags: ['x'] }, version: '', content: null, run: null }
  }
  const { run, steps, records, status } = await world(t, 'PUT', { gather })
  await run()
  t.same(steps.slice(-2), ['decide', 'refused'])
  const { exchange } = records[0] ?? {}
  t.equal(exchange?.refusal?.code, 'policy_refused')
  t.same(exchange?.decision?.policies, ['not-x'])
  t.same(status, [403])
})

t.test('what was looked up is judged again before it is granted and sent', async (t) => {
  let given: Gathered | null = null
  const { run, steps, judged, disk } = await world(t, 'PUT', {
    lookUp: async (_exchange, gathered) => ({ ...gathered, facts: { tags: ['y'] } }),
    finish: (_exchange, _permit, gathered) => {
      given = gathered
      return { body: null, changes: null }
    },
  })
  disk.resolve()
  await run()
  t.same(judged, [{}, { tags: ['y'] }])
  t.same(steps.slice(steps.indexOf('decide')), [
    'decide',
    'route',
    'decide',
    'grant',
    'screen',
    'admit',
    'authorized',
    'forward',
  ])
  t.match(given, { facts: { tags: ['y'] } }, 'what was learnt is what is sent')
})

t.test('the second judgement counts: what it refuses is not sent', async (t) => {
  const { run, steps, calls, records } = await world(t, 'PUT', {
    lookUp: async (_exchange, gathered) => ({ ...gathered, facts: { tags: ['x'] } }),
  })
  await run()
  t.same(steps.slice(-2), ['decide', 'refused'])
  t.equal(calls.length, 0)
  t.same(records[0]?.exchange.decision?.policies, ['not-x'])
})

t.test('a grant for the call is of the permit that was judged last', async (t) => {
  const { run, calls, disk } = await world(t, 'PUT', {
    lookUp: async (_exchange, gathered) => ({ ...gathered, facts: { tags: ['y'] } }),
  })
  disk.resolve()
  await run()
  const again = await calls[0]?.call.regrant()
  t.same(again?.permit.decision.facts, { tags: ['y'] })
  t.same(calls[0]?.grant.permit.decision.facts, { tags: ['y'] })
})

t.test('what the body names is what is judged, routed and recorded', async (t) => {
  const named = classify(parseTarget('PUT', `${WS}/jobs/another?api-version=2024-04-01`))
  const routed: string[] = []
  const { run, records, calls, disk } = await world(t, 'PUT', {
    gather: async () => ({ operation: named, facts: {}, version: '', content: null, run: null }),
    route: async ({ resource }) => {
      routed.push(resource.id)
      return { origin: 'https://azure.test', path: '/path', scope: 'scope' }
    },
  })
  disk.resolve()
  await run()
  const id = `${WS}/jobs/another`
  t.same(routed, [id])
  t.equal(records[0]?.exchange.operation?.resource.id, id)
  t.equal(calls[0]?.grant.permit.operation.resource.id, id)
})

t.test('what stages return and report is on record', async (t) => {
  const changes = { before: 'a', after: 'b', list: [] }
  const { run, records, disk } = await world(t, 'PUT', {
    gather: async ({ operation }, _request, progress) => {
      progress.received(7)
      if (operation === null) throw new Error('not classified')
      return { operation, facts: {}, version: '', content: null, run: null }
    },
    finish: (_exchange, _permit, _gathered, progress) => {
      progress.kept({ jobTypes: ['command'] })
      return { body: null, changes }
    },
  })
  disk.resolve()
  await run()
  t.match(records[0]?.exchange, {
    record: 'intent',
    bytesIn: 7,
    changes,
    content: { jobTypes: ['command'] },
    identity: { name: 'ml-writer' },
    principal: { id: 'entra/t/nobody' },
    decision: { verdict: 'permit', policies: ['all'] },
  })
})

t.test('what a stage reported before it refused is on record', async (t) => {
  const { run, records } = await world(t, 'PUT', {
    gather: async (_exchange, _request, progress) => {
      progress.received(7)
      throw new Refusal('bad_body', 'the body is no JSON object')
    },
  })
  await run()
  t.match(records[0], { kind: 'refused', exchange: { bytesIn: 7, refusal: { code: 'bad_body' } } })
})

t.test('nothing is sent for a client that has gone', async (t) => {
  const early = await world(t, 'PUT')
  early.hangUp()
  await early.run()
  early.close()
  t.same(early.steps, [...BEFORE_RECORD.slice(0, -1), 'refused'])

  const late = await world(t, 'PUT')
  const done = late.run()
  await settled()
  late.hangUp()
  late.disk.resolve()
  await done
  late.close()
  t.same(late.steps, [...BEFORE_RECORD, 'authorized', 'completed unknown'])
  t.equal(late.records.at(-1)?.exchange.refusal?.message, OPEN)
})

t.test('a call that was forwarded has one end, when its connection is done with it', async (t) => {
  const { run, steps, disk, close } = await world(t)
  disk.resolve()
  await run()
  t.equal(steps.at(-1), 'forward')
  close()
  t.match(steps.at(-1), /^completed /)
  t.equal(steps.filter((step) => step.startsWith('completed')).length, 1)
})

t.test(
  'the end of a change waits for what Azure answers, also if its client has gone',
  async (t) => {
    const azure = Promise.withResolvers<void>()
    const { run, steps, records, disk, close } = await world(t, 'PUT', {
      forward: (grant, { progress, origin }) => {
        progress.leaving(origin, grant.identity)
        progress.underWay(
          azure.promise.then(() => progress.answered(201, { 'x-ms-request-id': 'i' })),
        )
      },
    })
    disk.resolve()
    await run()
    close()
    await settled()
    t.equal(steps.at(-1), 'authorized')
    azure.resolve()
    await settled()
    t.equal(steps.at(-1), 'completed client_abort')
    t.match(records.at(-1)?.exchange.upstream, { status: 201, ids: { 'x-ms-request-id': 'i' } })
  },
)
