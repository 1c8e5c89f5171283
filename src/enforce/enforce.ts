/**
 * What policy enforces beyond yes and no: which bodies and answers it reads, and what its effects change in them.
 *
 * Composition of pure parts: azureml/body understands documents, policy decides, effects edit.
 * @module
 */
import { DOCUMENT_FACTS } from '../azureml/body/facts.ts'
import { hasBody, readBody, type Incoming } from '../azureml/body/read.ts'
import {
  contextOf,
  factsIn,
  keptOf,
  look,
  stamped,
  type Content,
  type Finished,
} from './content.ts'
import { applyEdits } from './effects/edit.ts'
import { sha256 } from './effects/digest.ts'
import { pinAll } from './effects/pin.ts'
import { isChanged } from './effects/stamp.ts'
import type { Exchange, Progress } from '../exchange.ts'
import { createAboutRun, type AboutRun, type RunBody } from './about-run.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import type { Decide, Facts, Permit, RefuseWithoutBody } from '../policy/decide.ts'
import type { NeedsBody, NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Principal } from '../identity/principal.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import { Refusal } from '../errors.ts'
import { memoOfPairs } from '../lib/memo.ts'
import { after, isPending, type Pending } from '../lib/pending.ts'
import { startedJob } from '../azureml/body/aliases.ts'
import { createJudgeStartedJob } from './started-job.ts'
import { createJudgeAsJob } from './judge-under.ts'
import { createJudgeAsVersion } from './judge-as-version.ts'
import { createCheckListQuery, type CheckListQuery } from './screening/list-query.ts'
import { createScreening, tellsApart, type Screening } from './screening/screening.ts'
import type { LookUps } from './lookups/label.ts'
import type { RunLookUps } from './lookups/run.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { createMustBePossible } from './what-must-be-known.ts'
import { createJudgeNamed, type JudgeNamed } from './judge-named.ts'
import { createJudgeThing, type JudgeThing } from './present-thing.ts'
import { asksOfPresent, createJudgePresent, type JudgePresent } from './present-document.ts'
import { merged, withoutBody } from './told.ts'
import { createCheckUnreadJob, type CheckUnreadJob } from './unread-job.ts'

/** What is known of a call before it is judged. */
export interface Gathered {
  /** What the call does, with the run that its body names, where policy has to know that. */
  readonly operation: Operation
  readonly facts: Facts
  /** Version of the policies that said what had to be read. */
  readonly version: string
  /** Null if nobody needs to look into the body: it is streamed. */
  readonly content: Content | null
  /** Whether the call has a body that nobody looks into. */
  readonly unread?: boolean
  /** Of a change to a run, where the decision depends on the run; null if it is streamed. */
  readonly run: RunBody | null
  /** Read for another reason than facts; absent if it was not. */
  readonly read?: Buffer | null
  /** Of the version of a model that the call changes; absent for one that it makes. */
  readonly firstStamp?: ReadonlyMap<string, string>
}

export interface Enforcement {
  /** @throws {Refusal} for a body that cannot be read or has no place here, and what `callFacts` throws */
  readonly gather: (exchange: Exchange, request: Incoming, progress: Progress) => Pending<Gathered>
  /**
   * What only Azure can tell: the tags of the run that a call is about; for `@pin`, the versions behind labels, which are
   * put in their place. Null if there is nothing of that kind.
   * @throws {Refusal} for what cannot be told or pinned
   */
  readonly lookUp: (
    exchange: Exchange,
    gathered: Gathered,
    via: Via,
    progress: Progress,
  ) => Pending<Gathered | null>
  /**
   * `@stamp` and `@record`: the bytes to send, if they were read.
   * @throws {Refusal} `not_ready` if other policies have judged than those that said what had to be read
   */
  readonly finish: (
    exchange: Exchange,
    permit: Permit,
    gathered: Gathered,
    progress: Progress,
  ) => Finished
  readonly screen: Screening
}

export interface EnforcementOptions {
  /** The policies in force; another set after a reload. */
  readonly policy: () => PolicySet
  /** What a set of policies has to know of documents before it can judge; see policy/engine. */
  readonly createNeedsDocument: (set: PolicySet, documentFacts: readonly string[]) => NeedsDocument
  readonly createNeedsBody: (
    set: PolicySet,
    documentFacts: readonly string[],
    isChanged: (type: string) => boolean,
  ) => NeedsBody
  /** One object for all callers whom no policy of a set can tell apart. */
  readonly alikeIn: (set: PolicySet) => (principal: Principal) => object
  readonly decide: Decide
  readonly refuseWithoutBody: RefuseWithoutBody
  readonly bodyBytes: number
  readonly callFacts: (exchange: Exchange) => Facts
  readonly lookUps: LookUps
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
  readonly ask: AskAzure
}

export function createEnforcement(options: EnforcementOptions): Enforcement {
  const { callFacts } = options

  let known: Derived | null = null
  function inForce(): Derived {
    const set = options.policy()
    if (known?.set !== set) known = derive(options, set)
    return known
  }
  const needsDocument: NeedsDocument = (...call) => inForce().needsDocument(...call)
  const mustBePossible = createMustBePossible(options)
  const judgeAsJob = createJudgeAsJob(options)
  const aboutRun = createAboutRun({ ...options, needsDocument, mustBePossible, judgeAsJob })
  const apart: Derived['tellsApart'] = (...call) => inForce().tellsApart(...call)
  const looks = { ...options, needsDocument, tellsApart: apart }
  const checkListQuery = createCheckListQuery({ ...looks, mustBePossible })
  const checkUnreadJob = createCheckUnreadJob({ ...options, needsDocument })
  const asked = (): ReadonlySet<string> | null => inForce().set.facts
  const asksOfThere: Derived['tellsApart'] = (...call) => inForce().asksOfPresent(...call)
  const judgePresent = createJudgePresent({ ...options, asked, asksOfPresent: asksOfThere })
  const judgeThing = createJudgeThing({ ...options, needsDocument })
  const judgeNamed = createJudgeNamed({ ...options, needsDocument, judgeAsJob })
  const screen = createScreening({ ...looks, asked })

  const factsOf = (exchange: Exchange, content: Content): Facts => ({
    ...callFacts(exchange),
    ...factsIn(content),
    bodyDigest: content.digest,
  })

  const gatherUnasked = createGatherUnasked({ callFacts, checkListQuery, aboutRun })
  const parts = { aboutRun, checkUnreadJob, judgeNamed, judgePresent, judgeThing, factsOf }
  return {
    gather(exchange, request, progress) {
      const { principal, operation } = exchange
      if (principal === null || operation === null)
        throw new Refusal('internal_error', 'the gateway failed to judge this request')
      const { set, needsBody } = inForce()
      const has = hasBody(request.headers)
      if (has) checkDelete(exchange, operation)
      if (!has || !isAsked(needsBody, principal, operation)) {
        const { version } = set
        return gatherUnasked({ exchange, operation, request, version, has }, progress)
      }
      mustBePossible(exchange, progress, false)
      const { stream, headers } = request
      const read = readBody(stream, headers, options.bodyBytes, progress)
      return after(read, (received) => {
        const source = { received, digest: sha256(received), asked: set.facts }
        const content = look(source, received, contextOf(exchange, operation), [])
        const facts = factsOf(exchange, content)
        const { version } = set
        return { operation, facts, version, content, unread: false, run: null }
      })
    },

    lookUp: createLookUp(options, parts),

    finish(exchange, permit, { content, version, run }, progress) {
      // a reload in between: the new policies may ask for what was not read
      if (permit.decision.version !== version) {
        const message = 'the policies were replaced while this call was judged'
        throw new Refusal('not_ready', message, { remedy: 'try again', retryAfter: 1 })
      }
      if (content === null) return { body: run?.received ?? null, changes: null }
      if (permit.effects.recordBody) progress.kept(keptOf(content))
      return stamped(exchange.id, permit, content)
    },

    screen(exchange, via, progress) {
      const screened = screen(exchange, via, progress)
      // the last step before Azure: no answer will tell what a forbid asks for
      const refused = screened === null ? via.permit.refusedUntold() : null
      if (refused !== null) {
        progress.judged(refused.decision)
        throw refused.refusal
      }
      return screened
    },
  }
}

/** A call that has no body, or one that no policy asks for. */
interface Unasked {
  readonly exchange: Exchange
  readonly operation: Operation
  readonly request: Incoming
  readonly version: string
  /** Whether it has a body. */
  readonly has: boolean
}

interface UnaskedParts {
  readonly callFacts: EnforcementOptions['callFacts']
  readonly checkListQuery: CheckListQuery
  readonly aboutRun: AboutRun
}

function createGatherUnasked({
  callFacts,
  checkListQuery,
  aboutRun,
}: UnaskedParts): (call: Unasked, progress: Progress) => Pending<Gathered> {
  /** What of a body is read all the same. */
  function read(
    { exchange, operation, request }: Unasked,
    progress: Progress,
  ): Pending<RunBody | null> {
    const listed = checkListQuery(exchange, request, progress)
    if (listed === null) return aboutRun.readBody(exchange, request, progress)
    return after(listed, (received) =>
      received === null
        ? aboutRun.readBody(exchange, request, progress)
        : { received, operation, thing: null, tags: null, change: null },
    )
  }

  function gathered({ exchange, operation, version, has }: Unasked, run: RunBody | null): Gathered {
    const own = has ? callFacts(exchange) : withoutBody(callFacts(exchange))
    const made = operation.family === 'mlflow' ? (run?.tags ?? null) : null
    const facts = made === null ? own : { ...own, tags: made }
    const named = run?.operation ?? operation
    return { operation: named, facts, version, content: null, unread: has && run === null, run }
  }

  return (call, progress) => {
    const run = read(call, progress)
    return isPending(run) ? run.then((known) => gathered(call, known)) : gathered(call, run)
  }
}

interface LookUpParts {
  readonly aboutRun: AboutRun
  readonly checkUnreadJob: CheckUnreadJob
  readonly judgeNamed: JudgeNamed
  readonly judgePresent: JudgePresent
  readonly judgeThing: JudgeThing
  readonly factsOf: (exchange: Exchange, content: Content) => Facts
}

function createLookUp(
  options: EnforcementOptions,
  { aboutRun, checkUnreadJob, judgeNamed, judgePresent, judgeThing, factsOf }: LookUpParts,
): Enforcement['lookUp'] {
  const judgeStartedJob = createJudgeStartedJob(options.decide)
  const judgeAsVersion = createJudgeAsVersion(options)
  /** Of calls whose body no policy asks for: each judges some of them, and only they have facts of it. */
  const judges: readonly Judge[] = [
    ({ exchange, gathered: { run, read = null, unread = false }, via, progress }) =>
      judgeNamed(exchange, { bytes: run?.received ?? read, unread, run }, via, progress),
    ({ exchange, gathered, via, progress }) =>
      aboutRun.facts(exchange, gathered.run, via, progress),
    ({ exchange, gathered, via, progress }) =>
      judgePresent(exchange, gathered.unread === true ? 'unread' : null, via, progress),
    ({ exchange, gathered, via, progress }) =>
      judgeThing(exchange, gathered.run, gathered.unread === true, via, progress),
  ]

  const learn: Enforcement['lookUp'] = (exchange, gathered, via, progress) => {
    const { content } = gathered
    const { permit } = via
    if (content === null) {
      checkUnreadJob(exchange, permit, progress)
      const found = firstFacts(judges, { exchange, gathered, via, progress })
      if (found === null) return null
      return after(found, (facts) => (facts === null ? null : { ...gathered, facts }))
    }
    const body = { facts: gathered.facts, root: content.root, whole: content.context.whole }
    return after(judgePresent(exchange, body, via, progress), (facts) => {
      const pins = permit.effects.pin && content.findings.floating.length > 0
      if (pins) return pin(exchange, { gathered, content, facts }, via)
      return facts === null ? null : { ...gathered, facts }
    })
  }

  /** Puts versions in the place of labels. */
  async function pin(
    exchange: Exchange,
    { gathered, content, facts }: Judged,
    { permit, grantFor }: Via,
  ): Promise<Gathered | null> {
    const learnt = facts === null ? null : { ...gathered, facts }
    const { bytes, context, findings } = content
    const { whole } = context
    const lookUp = options.lookUps({ exchange, permit, scope: context.scope, grantFor })
    const { edits, changes } = await pinAll(findings.floating, lookUp)
    if (edits.length === 0) return learnt
    // read again from the edited bytes, so that what is judged is what is sent
    const pinned = look(content, applyEdits(bytes, edits), context, changes)
    const own = factsOf(exchange, pinned)
    const pinnedFacts = facts === null || whole ? own : merged(facts, own, pinned.root)
    return { ...gathered, facts: pinnedFacts, content: pinned }
  }
  function judgeElsewhere(exchange: Exchange, facts: Facts, progress: Progress): void {
    judgeStartedJob(exchange, facts, progress)
    judgeAsVersion(exchange, facts, progress)
  }
  return (exchange, gathered, via, progress) => {
    const learning = learn(exchange, gathered, via, progress)
    if (!isPending(learning)) {
      judgeElsewhere(exchange, (learning ?? gathered).facts, progress)
      return learning
    }
    return learning.then((learnt) => {
      judgeElsewhere(exchange, (learnt ?? gathered).facts, progress)
      return learnt
    })
  }
}

/** A call that is judged by what its body or Azure says of it. */
interface Unjudged {
  readonly exchange: Exchange
  readonly gathered: Gathered
  readonly via: Via
  readonly progress: Progress
}

/** @returns the facts that the call itself is to be judged by; null if there are no others than before */
type Judge = (call: Unjudged) => Pending<Facts | null>

/** What the first of them finds, from the one at `start` on. */
function firstFacts(judges: readonly Judge[], call: Unjudged, start = 0): Pending<Facts | null> {
  for (let at = start; at < judges.length; at++) {
    const found = judges[at]?.(call) ?? null
    if (isPending(found)) return found.then((facts) => facts ?? firstFacts(judges, call, at + 1))
    if (found !== null) return found
  }
  return null
}

/** A call with a body that was judged by what is there now. */
interface Judged {
  readonly gathered: Gathered
  readonly content: Content
  /** Null if nothing of that was asked. */
  readonly facts: Facts | null
}

/** Whether a policy asks for the body, as that of the call or of the job that it starts. */
function isAsked(needsBody: NeedsBody, principal: Principal, operation: Operation): boolean {
  const job = startedJob(operation)
  return needsBody(principal, operation) || (job !== null && needsBody(principal, job))
}

/**
 * Asked of calls with a body. RFC 9110 section 9.3.5: that of a DELETE has no meaning that all readers share; MLflow's own
 * API gives it one.
 */
function checkDelete({ method }: Exchange, { family }: Operation): void {
  if (method === 'DELETE' && family === 'arm')
    throw new Refusal('bad_request', 'a DELETE with a body')
}

/** What follows from a set of policies alone. */
interface Derived {
  readonly set: PolicySet
  readonly needsBody: NeedsBody
  readonly needsDocument: NeedsDocument
  readonly tellsApart: (principal: Principal, operation: Operation) => boolean
  readonly asksOfPresent: Derived['tellsApart']
}

function derive(
  { createNeedsBody, createNeedsDocument, alikeIn }: EnforcementOptions,
  set: PolicySet,
): Derived {
  const alikeOf = alikeIn(set)
  const kept = <T>(of: (principal: Principal, operation: Operation) => T): typeof of =>
    memoOfPairs(of, alikeOf)
  const needsDocument = createNeedsDocument(set, DOCUMENT_FACTS)
  const ofOne = kept((...call) => needsDocument(...call, false))
  const ofMany = kept((...call) => needsDocument(...call, true))
  const known: NeedsDocument = (principal, operation, collection) =>
    collection ? ofMany(principal, operation) : ofOne(principal, operation)
  return {
    set,
    needsBody: kept(createNeedsBody(set, DOCUMENT_FACTS, isChanged)),
    needsDocument: known,
    tellsApart: kept((...call) => tellsApart(known, ...call)),
    asksOfPresent: kept((...call) => asksOfPresent(known, ...call)),
  }
}
