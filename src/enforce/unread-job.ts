/**
 * Jobs that do not go through Azure Resource Manager: the first SDK's `/execution`, `/hyperdrive` and `/pipelines`.
 *
 * Their bodies are not read, so policy learns no facts of these jobs and no effect can change them. They are refused
 * where policy asks for either, and to whoever is forbidden to write jobs.
 * @module
 */
import type { Operation } from '../vocabulary/operation.ts'
import { PROVIDER } from '../vocabulary/resource-types.ts'
import { Refusal } from '../errors.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Awaiting, Decide, Facts, Permit } from '../policy/decide.ts'
import { refusedUnder } from './what-must-be-known.ts'

const SUBMIT = `${PROVIDER}/workspaces/experiments/runs/submit/action`
const REMEDY = 'submit it through azure resource manager, as azure-ai-ml does'

export interface UnreadJobOptions {
  readonly decide: Decide
  readonly needsDocument: NeedsDocument
  readonly callFacts: (exchange: Exchange) => Facts
}

/**
 * Refuses a submission that policy would have to look into.
 * @throws {Refusal} `policy_refused`
 */
export type CheckUnreadJob = (
  exchange: Exchange,
  permit: Permit | Awaiting,
  progress: Progress,
) => void

export function createCheckUnreadJob(options: UnreadJobOptions): CheckUnreadJob {
  const { decide, needsDocument, callFacts } = options

  return (exchange, permit, progress) => {
    const { principal, operation } = permit
    if (operation.action !== SUBMIT) return
    const { doneToBody } = permit
    if (doneToBody.length > 0) {
      const message = `jobs are ${doneToBody.join(', ')} here, and this one is submitted past what does that`
      throw new Refusal('policy_refused', message, { remedy: REMEDY })
    }
    const job = asJob(operation)
    const needed = [operation, job].flatMap((one) => needsDocument(principal, one, false) ?? [])
    const policies = [...new Set(needed.flatMap((one) => one.policies))]
    if (needed.length > 0) {
      const [fact] = needed.flatMap(({ facts }) => [...(facts ?? [])])
      const what = fact === undefined ? 'all facts' : `"${fact}"`
      const message = `policy asks for ${what} of jobs, and one that is submitted in this way is not read`
      throw new Refusal('policy_refused', message, { policies, remedy: REMEDY })
    }
    const refused = refusedUnder(decide, principal, [job], callFacts(exchange))
    if (refused === null) return
    progress.judged(refused.decision)
    throw refused.refusal
  }
}

/** Writing a job of the workspace, whichever it will be. */
function asJob(operation: Operation): Operation {
  const { resource, scope } = operation
  const ancestors = resource.ancestors.slice(resource.ancestors.findIndex(({ id }) => id === scope))
  return {
    ...operation,
    action: `${PROVIDER}/workspaces/jobs/write`,
    effect: 'write',
    resource: { type: 'Job', id: `${scope}/jobs`, ancestors },
  }
}
