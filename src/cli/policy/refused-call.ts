/**
 * The refused call that a change is proposed for: from the records, by its decision id; or from what its refusal says,
 * which is proved by the key of the gateway, or by the gateway itself.
 * @module
 */
import { resolve } from 'node:path'
import { createNeeds, DECISION_LINK, NEED_WORD } from '../../access/needs.ts'
import { isAbout } from '../../audit/inspect/browse.ts'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema/schema.ts'
import { readSecret } from '../../config/secrets.ts'
import { ancestorsOf } from '../../policy/engine/entities.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { principalOf } from '../../policy/review/given.ts'
import type { RefusedCall } from '../../policy/review/propose.ts'
import { askedIn } from '../../policy/review/recorded.ts'
import { AZURE_FAMILIES, EFFECTS } from '../../vocabulary/operation.ts'
import { spoolRows } from '../audit/spool-rows.ts'
import { configFileIfAny } from '../config-file.ts'
import type { Io } from '../io.ts'
import { Problem, UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'

/** How a call is named. */
export interface CallOptions extends Wanted {
  readonly decision?: string | undefined
  readonly need?: string | undefined
  readonly spool?: string | undefined
  readonly config?: string | undefined
}

export interface FoundCall {
  readonly decision: string
  readonly call: RefusedCall
  /** How many people the records know of a group. */
  readonly peopleOf: (group: string) => number
  /** Where records are; null if there are none to look into. */
  readonly spool: string | null
}

/** @throws Problem if there is no such refusal, or what names it is forged, of another gateway or expired */
export async function refusedCall(
  options: CallOptions,
  set: PolicySet,
  io: Io,
): Promise<FoundCall> {
  const { decision, need } = options
  if ((decision === undefined) === (need === undefined))
    throw new UsageError('either --decision or --need is needed')
  const file = configFileIfAny(options, io)
  const config = file === null ? null : await loadConfig(file)
  const spool =
    options.spool === undefined
      ? (config?.audit.spool.directory ?? null)
      : resolve(io.cwd, options.spool)
  if (need === undefined) {
    if (spool === null) throw new UsageError('--decision needs --config or --spool')
    const found = await recorded(spool, decision ?? '', set, io)
    if (found.call !== null) return { ...found, call: found.call, decision: decision ?? '', spool }
    throw new Problem(
      `there is no refusal by policy with decision "${decision}" in ${spool}`,
      'name the spool of the replica that refused it with --spool, or take --need with what the refusal says after "why"',
    )
  }
  const word = NEED_WORD.exec(need) ?? DECISION_LINK.exec(need)
  if (word === null)
    throw new UsageError('--need takes what the refusal says after "why", or its link')
  const [, id = '', proof = ''] = word
  const call = await proved(options, config, { id, proof }, io)
  const looked = spool === null ? null : await recordedIfAny(spool, id, set, io)
  const same = looked?.call?.principal.id === call.principal.id ? looked.call : null
  return {
    decision: id,
    call: same ?? call,
    peopleOf: looked?.peopleOf ?? (() => 0),
    spool: looked === null ? null : spool,
  }
}

/** What the refusal says, by the gateway's key if the configuration names one; otherwise by the gateway. */
async function proved(
  wanted: Wanted,
  config: Config | null,
  { id, proof }: { readonly id: string; readonly proof: string },
  io: Io,
): Promise<RefusedCall> {
  const source = config?.operationKey
  if (source === undefined) return told(wanted, { id, proof }, io)
  const key = await readSecret(source, io.env).catch((error: unknown) => {
    throw new Problem(
      `the key that proves the need cannot be read: ${error instanceof Error ? error.message : ''}`,
      'run it where the gateway runs, or name the call with --decision',
      error,
    )
  })
  const need = createNeeds(Buffer.from(key), io.now).read(id, proof)
  if (need === null)
    throw new Problem(
      'that is no need of this gateway, or it has expired',
      'let the caller send the call again, and take what its refusal says after "why"',
    )
  const { principal, kind, groups, call } = need
  return refused(principalOf({ kind, id: principal, groups: [...groups] }, io.now()), call)
}

type Called = Pick<
  RefusedCall['operation'],
  'action' | 'effect' | 'family' | 'secrets' | 'scope'
> & {
  readonly resource: { readonly type: string; readonly id: string }
}

function refused(principal: RefusedCall['principal'], call: Called): RefusedCall {
  const { id } = call.resource
  const around = ancestorsOf(id.startsWith('/subscriptions/') ? id : (call.scope ?? ''))
  const ancestors = around.filter((one) => one.id !== id)
  const resource = { ...call.resource, ancestors }
  const operation = { ...call, resource, longRunning: false, inspectable: false }
  return { principal, operation, facts: {}, isWhole: false }
}

/** What the gateway says of a refusal to its caller, who is signed in here. */
async function told(
  wanted: Wanted,
  { id, proof }: { readonly id: string; readonly proof: string },
  io: Io,
): Promise<RefusedCall> {
  const { askGateway, list, object, text } = await import('../access/ask-gateway.ts')
  const answer = await askGateway(io, wanted, `/_harness/decisions/${id}?need=${proof}`, {
    ifMissing:
      'the refused caller has to be signed in here; else name the configuration of the gateway with --config',
  })
  const call = object(answer.get('call'))
  const resource = object(call.get('resource'))
  const who = object(answer.get('principal'))
  const kind = (['user', 'service', 'compute'] as const).find((one) => one === who.get('kind'))
  const effect = EFFECTS.find((one) => one === call.get('effect'))
  const family = AZURE_FAMILIES.find((one) => one === call.get('family'))
  if (kind === undefined || effect === undefined || family === undefined)
    throw new Problem(
      'the gateway does not say what was refused',
      'use its own version of this program',
    )
  const groups = list(answer.get('memberships')).flatMap((one) => {
    const { type, id: group } = Object.fromEntries(object(one))
    return type === 'Group' ? [text(group)] : []
  })
  return refused(principalOf({ kind, id: text(who.get('id')), groups }, io.now()), {
    action: text(call.get('action')),
    effect,
    family,
    secrets: call.get('secrets') === true,
    scope: text(call.get('scope')) || null,
    resource: { type: text(resource.get('type')), id: text(resource.get('id')) },
  })
}

interface Looked {
  readonly call: RefusedCall | null
  readonly peopleOf: FoundCall['peopleOf']
}

/** Null if there are no records: a need stands without them. */
async function recordedIfAny(
  spool: string,
  decision: string,
  set: PolicySet,
  io: Io,
): Promise<Looked | null> {
  try {
    return await recorded(spool, decision, set, io)
  } catch {
    io.err(`the records in ${spool} cannot be read: what they tell is left out`)
    return null
  }
}

async function recorded(spool: string, decision: string, set: PolicySet, io: Io): Promise<Looked> {
  const people = new Map<string, Set<string>>()
  let call: RefusedCall | null = null
  for await (const row of spoolRows(spool, io)) {
    const asked = askedIn(row, set)
    if (asked === null) continue
    for (const group of asked.principal.groups) {
      const known = people.get(group) ?? new Set()
      people.set(group, known)
      known.add(asked.principal.id)
    }
    if (isAbout(row, decision) && asked.verdict === 'refuse') call = { ...asked, isWhole: true }
  }
  return { call, peopleOf: (group) => people.get(group)?.size ?? 0 }
}
