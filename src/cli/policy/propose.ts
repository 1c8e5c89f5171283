/**
 * `policy propose`: the smallest change that permits a refused call, what it gives, and what it would have changed.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isAbout } from '../../audit/inspect/browse.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSignIn } from '../../identity/sign-in.ts'
import { grantsOf } from '../../policy/review/export/grants.ts'
import { readInstant } from '../../policy/load/period.ts'
import type { LoadOptions } from '../../policy/load/load.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import {
  propose,
  smallestGrantee,
  type Proposal,
  type RefusedCall,
} from '../../policy/review/propose.ts'
import { askedIn } from '../../policy/review/recorded.ts'
import { replay, type Replay } from '../../policy/review/replay.ts'
import { spoolRows } from '../audit/spool-rows.ts'
import { configFile } from '../config-file.ts'
import { gainText } from '../gain-text.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem, UsageError } from '../problem.ts'
import { policyOf, type PolicyValues } from './options.ts'

export interface ProposeOptions extends PolicyValues {
  readonly decision: string
  readonly spool?: string | undefined
  readonly for: 'group' | 'caller'
  readonly until?: string | undefined
  readonly reason?: string | undefined
  readonly write?: true | undefined
  readonly output: Output
}

/** Days that a person or service has it, unless told otherwise. */
const DEFAULT_DAYS = 90
const DAY_MS = 86_400_000

export async function policyPropose(values: ProposeOptions, io: Io): Promise<number> {
  const { set, options } = await policyOf(values, io)
  const spool = await spoolOf(values, io)
  const { call, peopleOf } = await callIn(spool, values.decision, set, io)
  const { principal } = call
  const caller = { type: KIND[principal.kind], id: principal.id }
  const grantee = values.for === 'caller' ? caller : smallestGrantee(set, principal, peopleOf)
  const wish = {
    grantee,
    until: untilOf(values.until, grantee.type !== 'Group', io.now()),
    reason: values.reason ?? `asked for with decision ${values.decision}`,
    requestedBy: principal.id,
  }
  const names = { identities: options.identities, issuers: options.issuers ?? [] }
  const proposal = propose(set, call, wish, names)
  if ('why' in proposal) {
    io.err(`nothing to propose: ${proposal.why}`)
    return EXIT.failed
  }
  const replayed = await replay(set, proposal.after, spoolRows(spool, io), checkSignIn)
  const path = pathOf(proposal, options)
  if (values.write === true) await writeNew(path, proposal.text)
  const roles = JSON.stringify(grantsOf(set)) !== JSON.stringify(grantsOf(proposal.after))
  const { kind, text, gain } = proposal
  show(io, values.output, {
    json: () => ({
      kind,
      path,
      text,
      gain,
      replayed: replayed.replayed,
      changes: replayed.changes,
      azureRolesChange: roles,
      written: values.write === true,
    }),
    table: () => lines(proposal, path, replayed, roles, values.write === true),
    tsv: () => [
      [kind, path, gain.actions, gain.deletes, gain.secrets, replayed.changes.length, roles],
    ],
  })
  return EXIT.ok
}

const KIND = { user: 'User', service: 'Service', compute: 'Compute' } as const

async function spoolOf(values: ProposeOptions, io: Io): Promise<string> {
  if (values.spool !== undefined) return resolve(io.cwd, values.spool)
  return (await loadConfig(configFile(values, io))).audit.spool.directory
}

function untilOf(given: string | undefined, isAlone: boolean, now: number): number | null {
  if (given === undefined) return isAlone ? now + DEFAULT_DAYS * DAY_MS : null
  const [, days] = /^(\d{1,4})d$/u.exec(given) ?? []
  const read = days === undefined ? readInstant(given) : now + Number(days) * DAY_MS
  if (typeof read !== 'number') throw new UsageError(`--until: ${read.fault}; 14d is 14 days`)
  if (read <= now) throw new UsageError('--until is in the past')
  return read
}

/** The refused call, and how many people the records know of each group. */
async function callIn(
  spool: string,
  decision: string,
  set: PolicySet,
  io: Io,
): Promise<{ call: RefusedCall; peopleOf: (group: string) => number }> {
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
    if (isAbout(row, decision) && asked.verdict === 'refuse') call = asked
  }
  if (call === null)
    throw new Problem(
      `there is no refusal by policy with decision "${decision}" in ${spool}`,
      'name the spool of the replica that refused it with --spool, or look into the sinks',
    )
  return { call, peopleOf: (group) => people.get(group)?.size ?? 0 }
}

function pathOf({ kind, file }: Proposal, { directory, bindings }: LoadOptions): string {
  return join(kind === 'binding' ? dirname(bindings) : directory, file)
}

/** Never over a file that is there. */
async function writeNew(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text, { flag: 'wx' })
}

function* lines(
  { kind, text, gain }: Proposal,
  path: string,
  { changes, replayed }: Replay,
  roles: boolean,
  written: boolean,
): Generator<string> {
  yield `# ${path}`
  yield text
  yield `gives      ${gainText(gain)}, besides what the caller has there`
  const changed = changes.reduce((sum, { count }) => sum + count, 0)
  yield `recorded   ${changed} of ${replayed} decisions would have been different`
  for (const { principal, action, before, after, count } of changes.slice(0, MAX_SHOWN))
    yield `           ${count} x ${principal} ${action}: ${before} -> ${after}`
  if (changes.length > MAX_SHOWN) yield `           and ${changes.length - MAX_SHOWN} more kinds`
  yield roles
    ? 'Azure      the roles of the managed identities change: policy export, then policy drift'
    : 'Azure      the roles of the managed identities stay as they are'
  if (written) yield `written    a running gateway uses it within seconds`
  else
    yield `next       --write writes the file${kind === 'binding' ? '; a pull request with it is one new file' : ''}`
}

const MAX_SHOWN = 10
