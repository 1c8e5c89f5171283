/**
 * `policy check`: says whether a gateway would start with these policies, and all that is wrong with them.
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DOCUMENT_FACTS } from '../../azureml/body/facts.ts'
import { fault, PolicyError } from '../../policy/load/faults.ts'
import { notesOn, type Note } from '../../policy/review/notes.ts'
import { periodNotes, withoutEnd } from '../../policy/review/periods.ts'
import { untoldIn } from '../../policy/review/untold.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { createSeen, staleBindings, type StaleBinding } from '../../policy/sightings.ts'
import { EXIT, type Command, type Io } from '../io.ts'
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from './options.ts'
import { spoolRows } from '../audit/spool-rows.ts'

const DAYS = 30

export const policyCheck: Command = {
  summary: 'check policies, templates and bindings, and report every fault at once',
  help: `Usage: azureml-harness policy check (--config FILE | --policies DIR) [--spool SPOOL [--days N]] [--json]

Checks policies, templates and bindings against the schema. Every fault comes with file, line and a suggestion.
Notes name policies that load but refuse more than they seem to, because a fact that they ask for is not known in time,
and bindings that end within 14 days, have ended, have not begun, or end in more than a year.
With --spool it also reports bindings whose principal no token has carried for N days: most unexpected refusals come
from an id that is stale or mistyped.

${POLICY_HELP}
  --spool SPOOL     the records to look into: a spool's directory, or one of its files
  --days N          days without a token; ${DAYS} if absent. Records that do not reach back so far show nothing stale
  --require-until   a binding of a person or a service without "until" is a fault
  --json            one JSON object on standard output: {ok, version, faults, stale, notes}

Exit status: 0 valid, 1 faults, 2 wrong arguments; stale bindings and notes are no fault.
Example: azureml-harness policy check --config config/harness.yaml --spool /var/spool/azureml-harness --days 90`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...POLICY_OPTIONS,
        spool: { type: 'string' },
        days: { type: 'string' },
        'require-until': { type: 'boolean' },
        json: { type: 'boolean' },
      },
    })
    const days = Number(values.days ?? DAYS)
    if (
      !Number.isInteger(days) ||
      days < 1 ||
      (values.days !== undefined && values.spool === undefined)
    ) {
      io.err('--days is a whole number of days, 1 or more, and needs --spool')
      return EXIT.usage
    }
    try {
      const loaded = await policyOf(values, io)
      if (loaded === null) return EXIT.usage
      const { set } = loaded
      if (values['require-until'] === true) refuseWithoutEnd(set)
      const notes = [
        ...notesOn(set, DOCUMENT_FACTS),
        ...untoldIn(set, DOCUMENT_FACTS),
        ...periodNotes(set, io.now()),
      ]
      const { spool } = values
      const stale = spool === undefined ? [] : await staleIn(set, resolve(io.cwd, spool), days, io)
      if (values.json === true) {
        io.out(JSON.stringify({ ok: true, version: set.version, faults: [], stale, notes }))
      } else show(set, stale, notes, io)
      return EXIT.ok
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error
      if (values.json === true)
        io.out(
          JSON.stringify({ ok: false, version: null, faults: error.faults, stale: [], notes: [] }),
        )
      else io.err(error.message)
      return EXIT.failed
    }
  },
}

function refuseWithoutEnd(set: PolicySet): void {
  const faults = withoutEnd(set).map(({ id, file, line, principal }) =>
    fault(file, line, `binding "${id}" of a ${principal.type} has no end`, 'give it "until"'),
  )
  if (faults.length > 0) throw new PolicyError(faults)
}

function show(
  set: PolicySet,
  stale: readonly StaleBinding[],
  notes: readonly Note[],
  io: Io,
): void {
  const above = set.bindings.bindings.filter(
    ({ resource }) => resource.type !== 'Workspace' && resource.type !== 'Registry',
  )
  io.out(`sound, version ${set.version}`)
  io.out(
    `  ${set.rules.size} rules, ${set.templates.size} templates, ${set.bindings.bindings.length} bindings`,
  )
  for (const { id, template, resource } of above) {
    io.out(
      `  binding ${id} (${template}) is inherited by every workspace in ${resource.type} ${resource.id}`,
    )
  }
  for (const { policy, file, line, text } of notes) {
    io.out(`  note: ${file}:${line}: ${policy} ${text}`)
  }
  for (const { id, line, principal, lastSeen } of stale) {
    const when = lastSeen === null ? 'ever' : `since ${new Date(lastSeen).toISOString()}`
    io.out(`  stale: binding ${id} (line ${line}): no token has carried ${principal} ${when}`)
  }
}

async function staleIn(
  set: PolicySet,
  spool: string,
  days: number,
  io: Io,
): Promise<readonly StaleBinding[]> {
  const seen = createSeen(set)
  for await (const row of spoolRows(spool)) seen.add(row)
  const { since, lastSeen } = seen.result()
  const reach = since === null ? 0 : Math.floor((io.now() - since) / 86_400_000)
  if (reach < days) {
    io.err(
      `the records reach back ${reach} of ${days} days: what they do not show may still be used`,
    )
  }
  return staleBindings(set, { lastSeen, since: since ?? io.now() }, days, io.now())
}
