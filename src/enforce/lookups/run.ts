/**
 * Tags of runs, asked of run history: those of a run itself and of the runs that it is a part of.
 *
 * Steps of a pipeline and trials of a sweep have no tags of their own: the job that they are part of has them.
 * @module
 */
import { classify } from '../../azureml/classify.ts'
import { parseTarget } from '../../azureml/target.ts'
import { isRunId } from '../../azureml/dataplane/kinds.ts'
import { changedTags, type TagChange } from '../../azureml/body/tag-changes.ts'
import { readRun, type DescribedRun } from '../../azureml/body/described.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { parseJson } from '../../lib/json/document.ts'
import { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import type { AskAzure, Via } from '../../forward/ask.ts'

/** Lookups of one call, within one span of time for all of them. */
export interface RunLookUps {
  /**
   * A run's tags with those of all that it is in; null if there is no such run.
   * @throws {Refusal} `policy_refused` if they cannot be told, and what asking Azure throws
   */
  readonly tagsOf: (id: string) => Promise<readonly string[] | null>
  /** The same as a change of the run's own tags leaves them; what it sets counts before what the run is in has. */
  readonly tagsAfter: (id: string, change: TagChange) => Promise<readonly string[] | null>
  /**
   * The same for runs that are known already, but for what they are in.
   * @returns for each run its tags; null for one whose tags cannot be told
   */
  readonly tagsOfAll: (
    runs: readonly DescribedRun[],
  ) => Promise<readonly (readonly string[] | null)[]>
}

const TIMEOUT_MS = 20_000
/** Tags may change at any time: this is enough for the calls that log one step. */
const KNOWN_MS = 5_000
const MAX_KNOWN = 10_000
/** Levels of pipelines in pipelines; run history names the outermost at once, MLflow the next one. */
const MAX_LEVELS = 8
/** Runs asked about for one answer, and at a time: ARM allows each identity 25 calls a second. */
const MAX_ASKED = 100
const MAX_AT_ONCE = 8

/** @param timeoutMs for all the lookups of one call together */
export function createRunLookUps(
  ask: AskAzure,
  timeoutMs = TIMEOUT_MS,
): (exchange: Exchange, via: Via) => RunLookUps {
  const known = createCache<string, DescribedRun>(MAX_KNOWN, { ttl: KNOWN_MS })

  return (exchange, { permit, grantFor, route }) => {
    const workspace = permit.operation.scope ?? ''
    // the cache key names the caller: what one may see is not shown to another
    const who = `${permit.effects.identity} ${permit.principal.id} ${workspace}`
    // joined within one call only: the grant, the deadline and the failures of another call are its own
    const asked = new Map<string, Promise<DescribedRun | null>>()
    let signal: AbortSignal | null = null

    async function ofAzure(id: string): Promise<DescribedRun | null> {
      // a call like any other: in the grammar, classified, to a host that is served
      const target = parseTarget('GET', `/history/v1.0${workspace}/runs/${id}`)
      const { origin, scope } = await route(classify(target), target)
      const grant = await grantFor(scope)
      signal ??= AbortSignal.timeout(timeoutMs)
      const answer = await ask(grant, exchange.id, origin, target.path, signal)
      if (answer === null) return null
      const run = readRun(parseJson(Buffer.from(JSON.stringify(answer))))
      if (run?.id !== id) {
        throw new Refusal(
          'upstream_bad_answer',
          'azure described a run in a way that cannot be read',
        )
      }
      known.set(`${who} ${id}`, run)
      return run
    }

    function read(id: string): Promise<DescribedRun | null> {
      const found = asked.get(id) ?? Promise.resolve(known.get(`${who} ${id}`) ?? ofAzure(id))
      asked.set(id, found)
      return found
    }

    /** Null if one of the runs above is not there to be asked. */
    async function withAbove(run: DescribedRun): Promise<readonly string[] | null> {
      const tags = new Set(run.tags)
      let { above } = run
      for (let level = 0; above !== null; level += 1) {
        const next = level < MAX_LEVELS && isRunId(above) ? await read(above) : null
        if (next === null) return null
        for (const tag of next.tags) tags.add(tag)
        above = next.above
      }
      return [...tags]
    }

    return {
      async tagsOf(id) {
        const run = await read(id)
        return run === null ? null : mustBeTold(await withAbove(run))
      },
      async tagsAfter(id, change) {
        const run = await read(id)
        if (run === null) return null
        const above = mustBeTold(await withAbove({ ...run, tags: [] }))
        const removed: ReadonlySet<string> = new Set()
        return [...changedTags(run.tags, change), ...changedTags(above, { ...change, removed })]
      },
      async tagsOfAll(runs) {
        // what is on the page needs no lookup
        for (const run of runs) if (run.id !== null) asked.set(run.id, Promise.resolve(run))
        const missing = new Set(
          runs.flatMap(({ above }) => above ?? []).filter((id) => !asked.has(id)),
        )
        if (missing.size > MAX_ASKED) {
          throw new Refusal(
            'policy_refused',
            `the answer has parts of more than ${MAX_ASKED} jobs, which are too many to look up`,
            { remedy: 'ask for fewer at a time' },
          )
        }
        const ids = [...missing].filter(isRunId)
        for (let at = 0; at < ids.length; at += MAX_AT_ONCE) {
          await Promise.all(ids.slice(at, at + MAX_AT_ONCE).map(read))
        }
        return Promise.all(runs.map(withAbove))
      },
    }
  }
}

function mustBeTold(tags: readonly string[] | null): readonly string[] {
  if (tags !== null) return tags
  const message = 'whose this run is cannot be told: the run that it is a part of is not there'
  throw new Refusal('policy_refused', message)
}
