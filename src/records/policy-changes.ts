/**
 * `GET policy/changes`: when which version of the policies came into force, by the records of reloads and starts.
 *
 * For whoever may read policies on the gateway or in some place. Which replica and which commit it was is told to
 * whoever may read policies on the gateway.
 * @module
 */
import type { OwnCall } from '../access/own-calls.ts'
import type { Columns } from '../audit/search/records.ts'
import type { Target } from '../azureml/target.ts'
import type { Refusal } from '../errors.ts'
import { fieldsOf } from '../lib/strict-json.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decision } from '../policy/decide.ts'
import { conditionsIn, limitIn, refuseUnknown } from './asked.ts'
import { judged, operationOf, placesWith, type JudgeOptions } from './judged.ts'
import { saidOf, type RecordCallOptions } from './records.ts'

/** Events of the gateway that tell which version is in force. */
const RELOAD = 'policy_reload'
const START = 'start'
const USUAL_RANGE = '30d'
const USUAL_CHANGES = 20
const MOST_CHANGES = 200
/** Events that one answer is made of: starts and failed reloads change nothing, mostly. */
const MOST_EVENTS = 500

/** A version that came into force. */
interface Change {
  /** ISO 8601. */
  readonly at: string
  /** The version before; null if no record tells. */
  readonly from: string | null
  readonly to: string
  readonly by: 'reload' | 'start'
  readonly commit: string | null
  /** Id of the chain of records of the replica. */
  readonly replica: string | null
}

export function policyChangesCall(
  options: RecordCallOptions,
  { params }: Target,
  principal: Principal,
): OwnCall {
  refuseUnknown(params, ['limit', 'since', 'until'])
  const limit = limitIn(params, USUAL_CHANGES, MOST_CHANGES)
  const { placeOf, now, records } = options
  const asked = conditionsIn(new Map([['since', USUAL_RANGE], ...params]), {
    now: now(),
    me: principal.id,
    placeOf: (on) => placeOf(principal, on),
  })
  const { place, decision, refusal } = whereReadable(options, principal)
  if (refusal !== null) throw refusal
  return {
    operation: operationOf('policy/read', place),
    decision,
    async answer() {
      const found = await records.search(
        { ...asked, events: [RELOAD, START] },
        // events of the gateway are about no place
        { own: principal.id, mayRead: (about) => about === null, within: null },
        { from: null, limit: MOST_EVENTS },
      )
      const changes = changesIn(found.rows)
      const shown = changes.slice(0, limit)
      return {
        ...saidOf(records, asked, found),
        more: changes.length > limit || found.next !== null,
        value: place === null ? shown : shown.map(({ at, from, to, by }) => ({ at, from, to, by })),
      }
    },
  }
}

/** Where policy lets the caller read policies: the gateway (null) or a place; otherwise the refusal. */
export function whereReadable(
  options: JudgeOptions,
  principal: Principal,
): {
  readonly place: string | null
  readonly decision: Decision
  readonly refusal: Refusal | null
} {
  const everywhere = { place: null, ...judged(options, principal, 'policy/read', null) }
  if (everywhere.refusal === null) return everywhere
  const places = placesWith(options.current(), principal, 'policy/read') ?? []
  const each = places.map((place) => ({
    place,
    ...judged(options, principal, 'policy/read', place),
  }))
  return (
    each.find(({ refusal }) => refusal === null) ??
    // a fresh or stronger sign-in would show them
    each.find(({ refusal }) => refusal?.code === 'insufficient_claims') ??
    everywhere
  )
}

/** @param rows the newest first. @returns the newest first */
function changesIn(rows: readonly Columns[]): readonly Change[] {
  const changes: Change[] = []
  /** The version in force, by replica. */
  const versions = new Map<string, string>()
  for (const row of rows.toReversed()) {
    const detail = fieldsOf(row.get('Detail'))
    const isStart = row.get('Event') === START
    const replica = textOrNull(row.get('ChainId'))
    const to = textOrNull(detail.get(isStart ? 'policyVersion' : 'version'))
    if (to === null) continue
    const known = versions.get(replica ?? '') ?? null
    const from = isStart ? known : textOrNull(detail.get('before'))
    versions.set(replica ?? '', to)
    const isChange = isStart ? from !== to : detail.get('outcome') === 'changed'
    if (!isChange) continue
    changes.push({
      at: String(row.get('EventTime')),
      from,
      to,
      by: isStart ? 'start' : 'reload',
      commit: textOrNull(detail.get('commit')),
      replica,
    })
  }
  return changes.toReversed()
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)
