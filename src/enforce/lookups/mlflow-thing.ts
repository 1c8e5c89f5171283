/**
 * What MLflow has by ids, asked of it: a trace, a logged model, an evaluation data set, an experiment or a version of a
 * model, with its tags and the experiment that it is in. The tags of the run that has made it count for it, too.
 * @module
 */
import { classify } from '../../azureml/classify.ts'
import { describedIn, documentsOf, type DescribedThing } from '../../azureml/body/described.ts'
import type { Named } from '../../azureml/mlflow/things.ts'
import { parseTarget } from '../../azureml/target.ts'
import { Refusal } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import type { AskAzure, Via } from '../../forward/ask.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { parseJson } from '../../lib/json/document.ts'
import type { Resource } from '../../vocabulary/operation.ts'
import type { RunLookUps } from './run.ts'

/** Anything but a run, which run history tells of. */
export type AskedThing = Named & { readonly kind: Exclude<Named['kind'], 'Run'> }

export interface ThingThere {
  readonly tags: readonly string[]
  /** Of the run that has made it, and of what that is a part of. */
  readonly tagsOfRun: readonly string[]
  /** The one that it is in; empty if it does not say. */
  readonly experiments: Resource['ancestors']
}

/** Lookups of one call, within one span of time for all of them. */
export interface ThingLookUps {
  /**
   * Null if there is no such thing.
   * @throws {Refusal} `policy_refused` if its tags cannot be told, and what asking Azure throws
   */
  readonly find: (thing: AskedThing) => Promise<ThingThere | null>
}

const TIMEOUT_MS = 20_000
/** Tags may change at any time: this is enough for the calls that log one step. */
const KNOWN_MS = 5_000
const MAX_KNOWN = 10_000

export interface ThingLookUpsOptions {
  readonly ask: AskAzure
  readonly runLookUps: (exchange: Exchange, via: Via) => RunLookUps
}

export function createThingLookUps(
  { ask, runLookUps }: ThingLookUpsOptions,
  timeoutMs = TIMEOUT_MS,
): (exchange: Exchange, via: Via) => ThingLookUps {
  const known = createCache<string, DescribedThing>(MAX_KNOWN, { ttl: KNOWN_MS })

  return (exchange, via) => {
    const { permit, grantFor, route } = via
    // the cache key names the caller: what one may see is not shown to another
    const who = `${permit.effects.identity} ${permit.principal.id} ${permit.operation.scope}`
    let signal: AbortSignal | null = null

    async function describe(thing: AskedThing): Promise<DescribedThing | null> {
      // a call like any other: in the grammar, classified, to a host that is served
      const target = parseTarget('GET', questionFor(exchange.target?.path ?? '', thing))
      const operation = classify(target)
      const { origin, scope } = await route(operation, target)
      const grant = await grantFor(scope)
      signal ??= AbortSignal.timeout(timeoutMs)
      const { path, query } = target
      const asked = query === '' ? path : `${path}?${query}`
      const answer = await ask(grant, exchange.id, origin, asked, signal)
      if (answer === null) return null
      const root = parseJson(Buffer.from(JSON.stringify(answer)))
      const [document] = documentsOf(root, operation.tells ?? WHOLE)?.documents ?? []
      const [described] = document === undefined ? [] : (describedIn(document, operation) ?? [])
      if (described === undefined || !isOf(described, thing))
        throw new Refusal(
          'upstream_bad_answer',
          'azure described what a call is about in a way that cannot be read',
        )
      return described
    }

    return {
      async find(thing) {
        const key = `${who} ${thing.kind} ${thing.id} ${thing.version ?? ''}`
        const described = known.get(key) ?? (await describe(thing))
        if (described === null) return null
        known.set(key, described)
        const ofRun = { ...described, tags: [] }
        const [tagsOfRun = null] = await runLookUps(exchange, via).tagsOfAll([ofRun])
        if (tagsOfRun === null)
          throw new Refusal(
            'policy_refused',
            'whose this is cannot be told: the run that has made it is not there',
          )
        const { ancestors } = described.reads[0].resource
        const experiments = ancestors.filter(({ type }) => type === 'Experiment')
        return { tags: described.tags, tagsOfRun, experiments }
      },
    }
  }
}

const WHOLE = { list: false, member: '' }

/** An answer about another thing than the one that was asked for tells nothing. */
function isOf({ reads }: DescribedThing, { id, version }: AskedThing): boolean {
  const end = version === null ? `/${id}` : `/${id}/versions/${version}`
  return reads.some(({ resource }) => resource.id.endsWith(end))
}

/** @param path of the call, which has the workspace and, for traces, the version of the API */
function questionFor(path: string, { kind, id, version }: AskedThing): string {
  const [, base, api] = /^(\/mlflow\/[^/]+\/.*?\/workspaces\/[^/]+)\/api\/v?(\d)/i.exec(path) ?? []
  if (base === undefined)
    throw new Refusal('policy_refused', 'nothing tells whose this is that the call is about')
  const word = encodeURIComponent(id)
  switch (kind) {
    case 'Trace':
      return api === '2'
        ? `${base}/api/2.0/mlflow/traces/${word}/info`
        : `${base}/api/3.0/mlflow/traces/${word}`
    case 'LoggedModel':
      return `${base}/api/2.0/mlflow/logged-models/${word}`
    case 'EvaluationDataset':
      return `${base}/api/3.0/mlflow/datasets/${word}`
    case 'Experiment':
      return `${base}/api/2.0/mlflow/experiments/get?experiment_id=${word}`
    case 'ModelVersion':
      return `${base}/api/2.0/mlflow/model-versions/get?name=${word}&version=${encodeURIComponent(version ?? '')}`
    default:
      return kind satisfies never
  }
}
