/**
 * `policy propose`: the smallest change that permits a refused call, what it gives, and what it would have changed.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkSignIn } from '../../identity/sign-in.ts'
import { principalUids } from '../../policy/engine/entities.ts'
import { readInstant } from '../../policy/load/period.ts'
import type { LoadOptions } from '../../policy/load/load.ts'
import type { RequestRule } from '../../policy/load/requests.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { offered, offersFor, type Asker } from '../../policy/requests.ts'
import { addedGrants, grantsOf } from '../../policy/review/export/grants.ts'
import {
  placeToBind,
  propose,
  smallestGrantee,
  type Proposal,
  type Wish,
} from '../../policy/review/propose.ts'
import { replay } from '../../policy/review/replay.ts'
import { spoolRows } from '../audit/spool-rows.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem, UsageError } from '../problem.ts'
import { policyOf, type PolicyValues } from './options.ts'
import { handOver, type Handed } from './propose-hand-over.ts'
import { proposalLines, type Shown } from './propose-text.ts'
import { refusedCall, type CallOptions, type FoundCall } from './refused-call.ts'

export interface ProposeOptions extends PolicyValues, CallOptions {
  readonly for: 'group' | 'caller'
  readonly oneAction?: true | undefined
  readonly until?: string | undefined
  readonly reason?: string | undefined
  readonly ticket?: string | undefined
  readonly write?: true | undefined
  /** True without a name. */
  readonly branch?: string | true | undefined
  readonly open?: true | undefined
  readonly output: Output
}

/** Days that a person or service has it, unless told otherwise. */
const DEFAULT_DAYS = 90
const DAY_MS = 86_400_000

export async function policyPropose(values: ProposeOptions, io: Io): Promise<number> {
  const chosen = [values.write, values.branch, values.open].filter((one) => one !== undefined)
  if (chosen.length > 1) throw new UsageError('--write, --branch and --open exclude each other')
  const { set, options } = await policyOf(values, io)
  const found = await refusedCall(values, set, io)
  const { call } = found
  const asker = {
    principals: principalUids(call.principal),
    places: [call.operation.resource, ...call.operation.resource.ancestors],
  }
  const offers = offersFor(set.requests.rules, asker)
  const names = { identities: options.identities, issuers: options.issuers ?? [] }
  const proposal = propose(set, call, wishOf(values, found, set, { asker, offers }, io), names)
  if ('why' in proposal) {
    io.err(`nothing to propose: ${proposal.why}`)
    return EXIT.failed
  }
  if (proposal.kind === 'policy' && values.until !== undefined)
    throw new Problem(
      'a policy has no end, so --until cannot be kept',
      'leave --until out and take the file out when it is over, or bind a role without --one-action',
    )
  const shown: Shown = {
    path: pathOf(proposal, options),
    replayed:
      found.spool === null
        ? null
        : await replay(set, proposal.after, spoolRows(found.spool, io), checkSignIn),
    azure: addedGrants(grantsOf(set), grantsOf(proposal.after)),
    asked: offers.filter(({ template }) => template === proposal.template),
  }
  const outcome = await handed(values, proposal, shown.path, set, io)
  print(values.output, proposal, shown, outcome, io)
  return EXIT.ok
}

const KIND = { user: 'User', service: 'Service', compute: 'Compute' } as const

/** What is wished for, as the options and the rules of `requests.yaml` say. */
function wishOf(
  values: ProposeOptions,
  { decision, call: { principal, operation }, peopleOf }: FoundCall,
  set: PolicySet,
  { asker, offers }: { readonly asker: Asker; readonly offers: readonly RequestRule[] },
  io: Io,
): Wish {
  const caller = { type: KIND[principal.kind], id: principal.id }
  const grantee = values.for === 'caller' ? caller : smallestGrantee(set, principal, peopleOf)
  const given = values.until === undefined ? undefined : untilOf(values.until, io.now())
  const usual = grantee.type === 'Group' ? null : io.now() + DEFAULT_DAYS * DAY_MS
  const place = placeToBind(operation)
  return {
    grantee,
    offered: offers.map(({ template }) => template),
    oneAction: values.oneAction === true,
    reason: values.reason ?? `asked for with decision ${decision}`,
    ticket: values.ticket ?? null,
    requestedBy: principal.id,
    until(template) {
      const rule = offers.find((one) => one.template === template && one.way === 'pull-request')
      if (template === null || rule === undefined || place === undefined)
        return given === undefined ? usual : given
      const until = given ?? (rule.lasts === null ? usual : io.now() + rule.lasts.usual)
      const length = until === null ? null : until - io.now()
      const answer = offered(offers, { ...asker, template, way: 'pull-request', length })
      if ('rule' in answer) return until
      throw new Problem(
        answer.why,
        `requests.yaml, line ${rule.line}, says so: choose another --until`,
      )
    },
  }
}

function untilOf(given: string, now: number): number {
  const [, days] = /^(\d{1,4})d$/u.exec(given) ?? []
  const read = days === undefined ? readInstant(given) : now + Number(days) * DAY_MS
  if (typeof read !== 'number') throw new UsageError(`--until: ${read.fault}; 14d is 14 days`)
  if (read <= now) throw new UsageError('--until is in the past')
  return read
}

function pathOf({ kind, file }: Proposal, { directory, bindings }: LoadOptions): string {
  return join(kind === 'binding' ? dirname(bindings) : directory, file)
}

/** Writes, commits or opens it, as asked for. */
async function handed(
  { write, branch, open }: ProposeOptions,
  proposal: Proposal,
  path: string,
  set: PolicySet,
  io: Io,
): Promise<Handed> {
  if (write === true) {
    await mkdir(dirname(path), { recursive: true })
    // never over a file that is there
    await writeFile(path, proposal.text, { flag: 'wx' })
    return { how: 'written' }
  }
  if (branch === undefined && open === undefined) return { how: 'shown' }
  return handOver({ branch, proposal, path, repository: set.requests.repository }, io)
}

function print(output: Output, proposal: Proposal, shown: Shown, outcome: Handed, io: Io): void {
  const { kind, text, gain } = proposal
  const { path, replayed, azure, asked } = shown
  show(io, output, {
    json: () => ({
      kind,
      path,
      text,
      gain,
      replayed: replayed?.replayed ?? null,
      changes: replayed?.changes ?? null,
      azureRolesChange: azure.length > 0,
      azure,
      ways: asked.map(({ way, url, codeOwners, note, line }) => ({
        way,
        url,
        codeOwners,
        note,
        line,
      })),
      written: outcome.how === 'written',
      branch: outcome.how === 'committed' ? outcome.branch : null,
      commit: outcome.how === 'committed' ? outcome.commit : null,
      page: outcome.how === 'opened' ? outcome.page : null,
    }),
    table: () => proposalLines(proposal, shown, outcome),
    tsv: () => [
      [
        kind,
        path,
        gain.actions,
        gain.deletes,
        gain.secrets,
        replayed?.changes.length ?? null,
        azure.length > 0,
      ],
    ],
  })
}
