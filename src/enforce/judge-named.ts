/**
 * Calls of MLflow's about traces, logged models, evaluation data sets and what they are linked with: each is judged by its
 * own tags and experiment, as MLflow has them, before it sees the call.
 *
 * A call is about the thing of its path. What its body names besides, a run that a trace is linked to for instance, is
 * judged as well: who may not read or change a thing does not link it with one's own.
 * @module
 */
import { aliasReads, changesAs } from '../azureml/body/aliases.ts'
import { changedTags, type TagChange } from '../azureml/body/tag-changes.ts'
import type { Named } from '../azureml/mlflow/things.ts'
import { Refusal } from '../errors.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import type { Pending } from '../lib/pending.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Operation, Resource } from '../vocabulary/operation.ts'
import { changeOf, type RunBody } from './about-run.ts'
import type { JudgeAsJob } from './judge-under.ts'
import type { RunLookUps } from './lookups/run.ts'
import { createThingLookUps, type AskedThing } from './lookups/mlflow-thing.ts'
import {
  asNamed,
  COLLECTIONS,
  createNamesOthers,
  isNamedThing,
  linked,
  mainOf,
  tellsApart,
} from './named-things.ts'
import {
  factsNeeded,
  isClassified,
  mustNotBeRefused,
  refusedUnder,
  type Classified,
} from './what-must-be-known.ts'

export interface JudgeNamedOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  readonly callFacts: (exchange: Exchange) => Facts
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
  readonly ask: AskAzure
  readonly judgeAsJob: JudgeAsJob
}

/** What was read of a call's body. */
export interface NamingBody {
  readonly bytes: Buffer | null
  /** The call has one that nobody has read. */
  readonly unread: boolean
  /** What policy needed to know of it; null if nothing. */
  readonly run: RunBody | null
}

/**
 * Judges what a call names.
 * @returns the facts that the call itself is to be judged by; null if there are no others than before
 * @throws {Refusal} if policy refuses one of those things, or whose it is cannot be told
 */
export type JudgeNamed = (
  exchange: Exchange,
  body: NamingBody,
  via: Via,
  progress: Progress,
) => Pending<Facts | null>

export function createJudgeNamed(options: JudgeNamedOptions): JudgeNamed {
  const { needsDocument } = options
  const namesOthers = createNamesOthers(needsDocument)
  const { judgeMain, judgeOther } = createJudges(options)

  async function judgeAll(
    call: Call,
    main: AskedThing | null,
    others: readonly Named[],
    body: NamingBody,
  ): Promise<Facts | null> {
    const { exchange } = call
    const { operation } = exchange
    const kind = COLLECTIONS.get(operation.resource.type)?.kind
    let ofFirst: Facts | null = null
    for (const named of others) {
      const facts = await judgeOther(call, named)
      if (named.kind === kind) ofFirst ??= facts
    }
    if (!isNamedThing(operation)) return null
    const makes = (body.run?.made ?? null) !== null
    const needed = factsNeeded(needsDocument, exchange, main === null && !makes)
    if (needed === null) return null
    if (main !== null || makes) return judgeMain(call, main, body)
    // of what it is about, each was judged by itself
    if (ofFirst !== null) return ofFirst
    throw new Refusal(
      'policy_refused',
      "policy tells what is one's own from others', and nothing tells whose this is",
      { policies: needed.policies, remedy: 'name what the call is about by its id' },
    )
  }

  return (exchange, body, via, progress) => {
    if (!isClassified(exchange) || exchange.operation.family !== 'mlflow') return null
    const { operation, method } = exchange
    const main = mainOf(exchange) ?? madeThing(body)
    // the tags are in the answer, which is screened, or nothing tells them
    const isTold = operation.tells !== undefined && method !== 'HEAD'
    if (operation.effect === 'read' && (main === null || isTold)) return null
    const mayNameOthers = namesOthers(exchange)
    if (mayNameOthers && body.bytes === null && body.unread)
      throw new Refusal('internal_error', 'a body that had to be read was not')
    const others = main === null && !mayNameOthers ? [] : linked(exchange, body.bytes, main)
    const isJudged =
      mayNameOthers ||
      (isNamedThing(operation) && factsNeeded(needsDocument, exchange, main === null) !== null)
    return isJudged ? judgeAll({ exchange, via, progress }, main, others, body) : null
  }
}

/** How one thing is judged: what a call is about, and what it names besides. */
function createJudges(options: JudgeNamedOptions): {
  readonly judgeMain: (call: Call, main: AskedThing | null, body: NamingBody) => Promise<Facts>
  readonly judgeOther: (call: Call, named: Named) => Promise<Facts | null>
} {
  const { decide, needsDocument } = options
  const thingLookUps = createThingLookUps(options)

  /** What is judged must be permitted as it is, and forbidden under none of its other names. */
  function mustPermit(
    exchange: Classified,
    operation: Operation,
    facts: Facts,
    progress: Progress,
  ): void {
    const { principal } = exchange
    const reads = operation.effect === 'read'
    const verdict = decide(principal, operation, facts, 'all')
    const others = reads ? aliasReads(operation) : changesAs(operation)
    const refused =
      verdict.permit === null ? verdict : refusedUnder(decide, principal, others, facts)
    mustNotBeRefused(refused, progress)
    if (!reads) options.judgeAsJob({ ...exchange, operation }, facts, progress)
  }

  async function judgeMain(
    { exchange, via, progress }: Call,
    main: AskedThing | null,
    { run }: NamingBody,
  ): Promise<Facts> {
    const { operation } = exchange
    const call = options.callFacts(exchange)
    const there = main === null ? null : await thingLookUps(exchange, via).find(main)
    const judge = (own: Tags, ofRun: Tags, experiments: Resource['ancestors'] = []): Facts => {
      const facts = { ...call, tags: [...new Set([...own, ...ofRun])] }
      mustPermit(exchange, within(operation, experiments), facts, progress)
      return facts
    }
    const made = run?.made ?? null
    const making = made === null ? null : { set: made.tags, removed: NONE }
    if (there === null) {
      const ofRun = made?.run === undefined || made.run === null ? [] : await tagsOf(made.run)
      return judge(making === null ? [] : changedTags([], making), overridden(ofRun, making))
    }
    const present = judge(there.tags, there.tagsOfRun, there.experiments)
    const change = operation.effect === 'read' ? null : (making ?? changeOf(exchange, run))
    if (change === null) return present
    // what is made anew under its id is in the experiment that the call names
    const experiments = making === null ? there.experiments : []
    return judge(changedTags(there.tags, change), overridden(there.tagsOfRun, change), experiments)

    async function tagsOf(id: string): Promise<Tags> {
      return (await options.runLookUps(exchange, via).tagsOf(id)) ?? []
    }
  }

  /** @returns the facts that it was judged by; null if nothing depends on them */
  async function judgeOther(
    { exchange, via, progress }: Call,
    named: Named,
  ): Promise<Facts | null> {
    const [operation, ...more] = asNamed(exchange, named)
    if (![operation, ...more].some((one) => tellsApart(needsDocument, exchange, one))) return null
    const { kind } = named
    const there = kind === 'Run' ? null : await thingLookUps(exchange, via).find({ ...named, kind })
    const tags =
      kind === 'Run'
        ? await options.runLookUps(exchange, via).tagsOf(named.id)
        : [...(there?.tags ?? []), ...(there?.tagsOfRun ?? [])]
    const facts = { ...options.callFacts(exchange), tags: tags ?? [] }
    const judged = within(operation, there?.experiments ?? [])
    mustNotBeRefused(refusedUnder(decide, exchange.principal, more, facts), progress)
    if (kind !== 'Experiment') mustPermit(exchange, judged, facts, progress)
    // to write something into an experiment, nobody has to be permitted to read all of it
    else mustNotBeRefused(refusedUnder(decide, exchange.principal, [judged], facts), progress)
    return facts
  }

  return { judgeMain, judgeOther }
}

type Tags = readonly string[]

/** A call that is judged. */
interface Call {
  readonly exchange: Classified
  readonly via: Via
  readonly progress: Progress
}

function madeThing({ run }: NamingBody): AskedThing | null {
  const id = run?.made?.id ?? null
  return id === null ? null : { kind: 'Trace', id, version: null }
}

const NONE: ReadonlySet<string> = new Set()

/** What is set on a thing itself counts before what the run has that made it. */
function overridden(ofRun: readonly string[], change: TagChange | null): readonly string[] {
  return change === null ? ofRun : changedTags(ofRun, { ...change, removed: NONE })
}

/** The operation on something in these experiments. */
function within(operation: Operation, experiments: Resource['ancestors']): Operation {
  if (experiments.length === 0) return operation
  const { resource } = operation
  const around = resource.ancestors.filter(({ type }) => type !== 'Experiment')
  return { ...operation, resource: { ...resource, ancestors: [...experiments, ...around] } }
}
