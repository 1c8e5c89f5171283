/**
 * The pipeline with fakes of all its stages, and one request through it.
 * @module
 */
import { EventEmitter } from 'node:events'
import type { Test } from 'tap'
import { classify } from '../../src/azureml/classify.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import type { Exchange } from '../../src/exchange.ts'
import type { Call } from '../../src/forward/forward.ts'
import { createCallers } from '../../src/callers.ts'
import type { Reply } from '../../src/http/reply.ts'
import { createPipeline } from '../../src/pipeline.ts'
import type { Stages } from '../../src/stages.ts'
import { createDecide, isPermit, type Facts } from '../../src/policy/decide.ts'
import { Grant, ReadGrant } from '../../src/token/grant.ts'
import { loadFrom, principal, WS } from '../policy/support.ts'

const POLICIES = `
@id("all") @reason("everybody may") @identity("ml-writer") permit (principal, action, resource);
@id("not-x") @reason("not what is tagged x")
forbid (principal, action, resource) when { context has tags && context.tags.contains("x") };
`
const JOB = `${WS}/jobs/train?api-version=2024-04-01`

/** Everything from a request's first byte to its answer, in the order in which it happened. */
export async function pipelineWorld(t: Test, method = 'PUT', changes: Partial<Stages> = {}) {
  const decide = createDecide(await loadFrom(t, { 'x.cedar': POLICIES }))
  const steps: string[] = []
  const judged: Facts[] = []
  const records: { readonly kind: string; readonly exchange: Exchange }[] = []
  const calls: { readonly grant: Grant; readonly call: Call }[] = []
  const disk = Promise.withResolvers<void>()
  // as in production: a record may fail before anybody waits for it, and that is no unhandled rejection
  disk.promise.catch(() => undefined)

  const record = (kind: string, exchange: Exchange): void => {
    steps.push(kind)
    records.push({ kind, exchange: { ...exchange } })
  }
  const callers = createCallers({
    inFlightPerPrincipal: 1,
    requestsPerSecondPerPrincipal: 100,
    burstPerPrincipal: 100,
    heldBytesPerPrincipal: 1000,
    heldBytes: 1000,
  })
  const stages: Stages = {
    checkInbound: () => void steps.push('checkInbound'),
    parseTarget: (...given) => {
      steps.push('parseTarget')
      return parseTarget(...given)
    },
    identify: async () => {
      steps.push('identify')
      return principal()
    },
    callers,
    classify: (target) => {
      steps.push('classify')
      return classify(target)
    },
    gather: async ({ operation }) => {
      steps.push('gather')
      if (operation === null) throw new Error('not classified')
      return { operation, facts: {}, version: '', content: null, run: null }
    },
    decide: (who, operation, facts) => {
      steps.push('decide')
      judged.push(facts)
      return decide(who, operation, facts)
    },
    route: async () => {
      steps.push('route')
      return { origin: 'https://azure.test', path: '/path', scope: 'scope' }
    },
    grant: async (permit) => {
      steps.push('grant')
      const { identity } = permit.effects
      return new Grant(permit, { name: identity, clientId: null, objectId: null }, 'Bearer token')
    },
    readGrant: async ({ effects }) => {
      steps.push('readGrant')
      return new ReadGrant(
        { name: effects.identity, clientId: null, objectId: null },
        'Bearer token',
      )
    },
    review: (_exchange, permit) => {
      if (!isPermit(permit)) throw new Error('nothing waits for a review')
      return { permit, proof: null }
    },
    reviewed: () => undefined,
    lookUp: async () => {
      steps.push('lookUp')
      return null
    },
    finish: () => {
      steps.push('finish')
      return { body: null, changes: null }
    },
    screen: () => {
      steps.push('screen')
      return null
    },
    dropToken: () => undefined,
    recorder: {
      admit: () => void steps.push('admit'),
      authorized: (exchange) => {
        record('authorized', exchange)
        return disk.promise
      },
      refused: async (exchange) => record('refused', exchange),
      completed: async (exchange, outcome) => record(`completed ${outcome}`, exchange),
      received: async () => undefined,
      event: async () => undefined,
    },
    forward: (grant, call) => {
      steps.push('forward')
      calls.push({ grant, call })
    },
    own: () => null,
    refused: () => undefined,
    answers: {
      publicUrl: 'https://gateway.test',
      authorizationUri: null,
      help: null,
      why: () => null,
      namesTold: (_exchange, policies) => policies,
    },
    now: () => 0,
    ...changes,
  }
  const pipeline = createPipeline(stages)

  const request = Object.assign(new EventEmitter(), {
    method,
    url: JOB,
    headers: {},
    rawHeaders: [],
    complete: true,
    socket: { remoteAddress: '127.0.0.1', remotePort: 1, bytesRead: 0, writable: true },
  })
  const connection = new EventEmitter()
  const sent: unknown[] = []
  const status: number[] = []
  const reply = {
    request,
    begun: false,
    gone: false,
    finished: false,
    onceClosed: (listener: () => void) => void connection.once('close', listener),
    send: (code: number, _headers: unknown, body: unknown) => {
      status.push(code)
      sent.push(body)
    },
    stream: () => undefined,
    cut: () => undefined,
  }
  const asReply = reply as unknown as Reply

  return {
    stages,
    steps,
    judged,
    records,
    calls,
    sent,
    status,
    disk,
    /** The client's connection is done with, whatever it was sent. */
    close: () => connection.emit('close'),
    hangUp: () => void (reply.gone = true),
    /** What is in flight and held, by metric. */
    taken: () =>
      Object.fromEntries(callers.metrics().map(({ name, values }) => [name, values[0]?.value])),
    run: () => pipeline.serve(asReply),
  }
}
