/**
 * Policy injection: what policy reads of bodies and answers, and what its effects change in them.
 *
 * Composition of pure parts: azureml/body understands documents, policy decides, effects edit.
 * @module
 */
import { Readable } from 'node:stream'
import { DOCUMENT_FACTS, findAll, type Findings } from '../azureml/body/facts.ts'
import { parseJson, type JsonNode } from '../lib/json/document.ts'
import { hasBody, readBody, type BodyHeaders } from '../azureml/body/read.ts'
import type { DocumentContext } from '../azureml/body/walk.ts'
import { applyEdits, type Edit } from './effects/edit.ts'
import { sha256 } from './effects/digest.ts'
import { pinAll } from './effects/pin.ts'
import { kept } from './effects/record-body.ts'
import { isChanged, isStamped, stampAll } from './effects/stamp.ts'
import type { Change, Exchange } from '../exchange.ts'
import { createAboutRun, type RunBody } from './about-run.ts'
import type { Decide, Facts, Permit } from '../policy/decide.ts'
import {
  createNeedsBody,
  createNeedsDocument,
  type NeedsBody,
  type NeedsDocument,
} from '../policy/engine/what-policy-asks.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import { Refusal } from '../errors.ts'
import { createScreening, type Screening } from './screening/screening.ts'
import type { LookUps } from './lookups/label.ts'
import type { RunLookUps, Via } from './lookups/run.ts'
import { createCheckUnreadJob } from './unread-job.ts'

/** A body that was read, and all that was found in it. */
export interface Content {
  readonly received: Buffer
  readonly bytes: Buffer
  readonly root: JsonNode
  readonly context: DocumentContext
  readonly findings: Findings
  readonly changes: readonly Change[]
}

/** A request whose body nobody has read: `body` is its stream, if the framework gave it another one. */
export interface Incoming {
  readonly headers: BodyHeaders
  readonly stream: Readable
}

/** A request as the framework has it. */
interface Request {
  readonly headers: BodyHeaders
  readonly body: unknown
  readonly raw: Readable
}

export interface Gathered {
  readonly facts: Facts
  /** Version of the policies that said what had to be read. */
  readonly version: string
  /** Null if nobody needs to look into the body: it is streamed. */
  readonly content: Content | null
  /** Of a change to a run that policy tells from others; null if it is streamed. */
  readonly run: RunBody | null
}

export interface Injection {
  /** @throws {Refusal} for a body that cannot be read or has no place here, and what `callFacts` throws */
  readonly gather: (exchange: Exchange, request: Request) => Promise<Gathered>
  /**
   * What only Azure can tell: the tags of the run that a call is about; for `@pin`, the versions behind labels, which are
   * put in their place. Null if there is nothing of that kind.
   * @throws {Refusal} for what cannot be told or pinned
   */
  readonly lookUp: (exchange: Exchange, gathered: Gathered, via: Via) => Promise<Gathered | null>
  /**
   * `@stamp` and `@record`: the bytes to send, if they were read.
   * @throws {Refusal} `not_ready` if other policies have judged than those that said what had to be read
   */
  readonly finish: (exchange: Exchange, permit: Permit, gathered: Gathered) => Buffer | null
  readonly screen: Screening
}

export interface InjectionOptions {
  /** The policies in force; another set after a reload. */
  readonly policy: () => PolicySet
  readonly decide: Decide
  readonly bodyBytes: number
  readonly callFacts: (exchange: Exchange) => Facts
  readonly lookUps: LookUps
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
}

export function createInjection(options: InjectionOptions): Injection {
  const { callFacts } = options

  let known: Derived | null = null
  function inForce(): Derived {
    const set = options.policy()
    if (known?.set !== set) {
      const needsDocument = createNeedsDocument(set, DOCUMENT_FACTS)
      known = { set, needsBody: createNeedsBody(set, DOCUMENT_FACTS, isChanged), needsDocument }
    }
    return known
  }
  const needsDocument: NeedsDocument = (...call) => inForce().needsDocument(...call)
  const aboutRun = createAboutRun({ ...options, needsDocument })
  const checkUnreadJob = createCheckUnreadJob({ ...options, needsDocument })

  function factsOf(exchange: Exchange, { received, findings }: Content): Facts {
    return {
      ...callFacts(exchange),
      ...findings.collector.finish(inForce().set.facts),
      bodyDigest: sha256(received),
    }
  }

  return {
    async gather(exchange, request) {
      const { principal, operation } = exchange
      const { set, needsBody } = inForce()
      const { version } = set
      // RFC 9110 section 9.3.5: it has no meaning that all readers share. MLflow's own API gives it one.
      if (exchange.method === 'DELETE' && operation?.family === 'arm' && hasBody(request.headers)) {
        throw new Refusal('bad_request', 'a DELETE with a body')
      }
      const stream = request.body instanceof Readable ? request.body : request.raw
      const asked = principal !== null && operation !== null && needsBody(principal, operation)
      if (!asked || !hasBody(request.headers)) {
        const run = await aboutRun.readBody(exchange, { headers: request.headers, stream })
        const own = callFacts(exchange)
        const made = exchange.operation?.family === 'mlflow' ? (run?.tags ?? null) : null
        return { facts: made === null ? own : { ...own, tags: made }, version, content: null, run }
      }
      const received = await readBody(stream, request.headers, options.bodyBytes)
      exchange.bytesIn = received.byteLength
      const context = {
        scope: operation.scope,
        type: operation.resource.type,
        whole: exchange.method !== 'PATCH',
      }
      const content = look(received, received, context, [])
      return { facts: factsOf(exchange, content), version, content, run: null }
    },

    async lookUp(exchange, gathered, via) {
      const { content, version, run } = gathered
      const { permit, grantFor } = via
      if (content === null) {
        checkUnreadJob(exchange, permit)
        const facts = await aboutRun.facts(exchange, run, via)
        return facts === null ? null : { ...gathered, facts }
      }
      if (!permit.effects.pin) return null
      const { scope } = content.context
      const lookUp = options.lookUps({ exchange, permit, scope, grantFor })
      const { edits, changes } = await pinAll(content.findings.floating, lookUp)
      if (edits.length === 0) return null
      // looked at again from the start: what is judged and sent is what the bytes now say
      const pinned = look(
        content.received,
        applyEdits(content.bytes, edits),
        content.context,
        changes,
      )
      return { facts: factsOf(exchange, pinned), version, content: pinned, run }
    },

    finish(exchange, permit, { content, version, run }) {
      // a reload in between: the new policies may ask for what was not read
      if (permit.decision.version !== version) {
        const message = 'the policies were replaced while this call was judged'
        throw new Refusal('not_ready', message, { remedy: 'try again', retryAfter: 1 })
      }
      if (content === null) return run?.received ?? null
      const { effects, decision, principal } = permit
      const { received, bytes, root, context, changes } = content
      if (effects.recordBody)
        exchange.content = kept(content.findings.collector.finish(new Set()), received)
      const stamping = effects.stamp && context.whole && isStamped(context.type)
      const stamp = stamping
        ? stampAll(root, context.type, {
            principal: principal.id,
            decision: exchange.id,
            policy: decision.version,
          })
        : NOTHING
      const sent = applyEdits(bytes, stamp.edits)
      const list = [...changes, ...stamp.changes]
      if (list.length > 0)
        exchange.changes = { before: sha256(received), after: sha256(sent), list }
      return list.length > 0 ? sent : received
    },

    screen: createScreening({ ...options, needsDocument, asked: () => inForce().set.facts }),
  }
}

/** What follows from a set of policies alone. */
interface Derived {
  readonly set: PolicySet
  readonly needsBody: NeedsBody
  readonly needsDocument: NeedsDocument
}

const NOTHING: { edits: readonly Edit[]; changes: readonly Change[] } = { edits: [], changes: [] }

/** Everything that there is to know of a body. */
function look(
  received: Buffer,
  bytes: Buffer,
  context: DocumentContext,
  changes: readonly Change[],
): Content {
  const root = parseJson(bytes)
  if (root.kind !== 'object') throw new Refusal('bad_body', 'the body is no JSON object')
  return { received, bytes, root, context, findings: findAll(root, context), changes }
}
