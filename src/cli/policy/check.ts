/**
 * `policy check`: says whether a gateway would start with these policies, and all that is wrong with them.
 * @module
 */
import { resolve } from 'node:path'
import { DOCUMENT_FACTS } from '../../azureml/body/facts.ts'
import { fault, PolicyError } from '../../policy/load/faults.ts'
import { notesOn, type Note } from '../../policy/review/notes.ts'
import { periodNotes, withoutEnd } from '../../policy/review/periods.ts'
import { requestNotes } from '../../policy/review/request-notes.ts'
import { untoldIn } from '../../policy/review/untold.ts'
import { unmatchedIn } from '../../policy/review/unmatched.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { createSeen, staleBindings, type StaleBinding } from '../../policy/sightings.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import { policyOf, type PolicyValues } from './options.ts'
import { spoolRows } from '../audit/spool-rows.ts'

const DAYS = 30

export interface CheckOptions extends PolicyValues {
  readonly spool?: string | undefined
  /** Whole days; null if the option is absent. */
  readonly days: number | null
  readonly requireUntil?: true | undefined
  readonly output: Output
}

export async function policyCheck(options: CheckOptions, io: Io): Promise<number> {
  const { spool, output } = options
  if (options.days !== null && spool === undefined) throw new UsageError('--days needs --spool')
  const days = options.days ?? DAYS
  try {
    const { set, options: loaded } = await policyOf(options, io)
    if (options.requireUntil === true) refuseWithoutEnd(set)
    const notes = [
      ...notesOn(set, DOCUMENT_FACTS),
      ...untoldIn(set, DOCUMENT_FACTS),
      ...unmatchedIn(set, loaded.profiles ?? null),
      ...periodNotes(set, io.now()),
      ...requestNotes(set, loaded.identities),
    ]
    const stale = spool === undefined ? [] : await staleIn(set, resolve(io.cwd, spool), days, io)
    show(io, output, {
      json: () => ({ ok: true, version: set.version, faults: [], stale, notes }),
      table: () => linesOf(set, stale, notes),
      tsv: () => [
        ...notes.map(({ policy, file, line, text }) => ['note', file, line, policy, text]),
        ...stale.map(({ id, line, principal }) => ['stale', 'bindings.yaml', line, id, principal]),
      ],
    })
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const { faults } = error
    if (output === 'table') io.err(error.message)
    else
      show(io, output, {
        json: () => ({ ok: false, version: null, faults, stale: [], notes: [] }),
        table: () => [],
        tsv: () => faults.map(({ file, line, message }) => ['fault', file, line, '', message]),
      })
    return EXIT.failed
  }
}

function refuseWithoutEnd(set: PolicySet): void {
  const faults = withoutEnd(set).map(({ id, file, line, principal }) =>
    fault(file, line, `binding "${id}" of a ${principal.type} has no end`, 'give it "until"'),
  )
  if (faults.length > 0) throw new PolicyError(faults)
}

function* linesOf(
  set: PolicySet,
  stale: readonly StaleBinding[],
  notes: readonly Note[],
): Generator<string> {
  const above = set.bindings.bindings.filter(
    ({ resource }) => resource.type !== 'Workspace' && resource.type !== 'Registry',
  )
  yield `valid, version ${set.version}`
  yield `  ${set.rules.size} rules, ${set.templates.size} templates, ${set.bindings.bindings.length} bindings`
  for (const { id, template, resource } of above) {
    yield `  binding ${id} (${template}) is inherited by every workspace in ${resource.type} ${resource.id}`
  }
  for (const { policy, file, line, text } of notes) {
    yield `  note: ${file}:${line}: ${policy} ${text}`
  }
  for (const { id, line, principal, lastSeen } of stale) {
    const when = lastSeen === null ? 'ever' : `since ${new Date(lastSeen).toISOString()}`
    yield `  stale: binding ${id} (line ${line}): no token has carried ${principal} ${when}`
  }
}

async function staleIn(
  set: PolicySet,
  spool: string,
  days: number,
  io: Io,
): Promise<readonly StaleBinding[]> {
  const seen = createSeen(set)
  for await (const row of spoolRows(spool, io)) seen.add(row)
  const { since, lastSeen } = seen.result()
  const reach = since === null ? 0 : Math.floor((io.now() - since) / 86_400_000)
  if (reach < days) {
    io.err(
      `the records reach back ${reach} of ${days} days: what they do not show may still be used`,
    )
  }
  return staleBindings(set, { lastSeen, since: since ?? io.now() }, days, io.now())
}
