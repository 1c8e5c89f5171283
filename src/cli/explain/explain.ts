/**
 * `explain`: why a call is permitted or refused, and what would have to change.
 * @module
 */
import { resolve } from 'node:path'
import { isAbout } from '../../audit/inspect/browse.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSignIn } from '../../identity/sign-in.ts'
import type { Principal } from '../../identity/principal.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import { createDecide } from '../../policy/decide.ts'
import {
  explain as explainVerdict,
  explanationText,
  type Explanation,
} from '../../policy/review/explain.ts'
import { askedIn, type Row } from '../../policy/review/recorded.ts'
import { withRecordedGrants } from '../../policy/review/recorded-grants.ts'
import { createRedecide, reproduces } from '../../policy/review/replay.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { principalIn, questionOf } from './asked.ts'
import { configFile, configFileIfAny } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Cell, type Output } from '../output.ts'
import { policyOf, type PolicyValues } from '../policy/options.ts'
import { UsageError } from '../problem.ts'
import { spoolRows } from '../audit/spool-rows.ts'

export interface ExplainOptions extends PolicyValues {
  readonly principal?: string | undefined
  readonly token?: string | undefined
  readonly request?: string | undefined
  readonly facts?: string | undefined
  readonly decision?: string | undefined
  readonly spool?: string | undefined
  readonly output: Output
}

export async function explain(values: ExplainOptions, io: Io): Promise<number> {
  const { principal, token, request, facts, decision } = values
  const asks = request !== undefined && (principal === undefined) !== (token === undefined)
  const mixed = decision !== undefined && (principal ?? token ?? request) !== undefined
  if (mixed || asks === (decision !== undefined))
    throw new UsageError('--request is needed with --principal or --token, or else --decision')
  if (token !== undefined && (token !== '-' || configFileIfAny(values, io) === null))
    throw new UsageError(
      '--token takes "-" alone, and needs --config: a token belongs on standard input',
    )
  if (decision !== undefined && values.spool === undefined && configFileIfAny(values, io) === null)
    throw new UsageError('--decision needs --spool, or --config, which names the spool')
  const { set } = await policyOf(values, io)
  if (decision !== undefined) return explainRecorded(set, decision, values, io)
  const who =
    token === undefined
      ? { principal: await principalIn(principal ?? '', io), token: false }
      : { principal: await bearerOf(configFile(values, io), io), token: true }
  const asked = questionOf(who, request ?? '', facts ?? '{}', io.now())
  const verdict = createDecide(set, {
    checkSignIn: (one, requirement) => checkSignIn(one, requirement, io.now()),
  })(
    asked.principal,
    asked.operation,
    asked.facts,
    asked.operation.effect === 'read' ? undefined : 'all',
  )
  const explained = withFactsHint(
    explainVerdict(set, asked.principal, asked.operation, verdict),
    facts !== undefined,
  )
  show(io, values.output, {
    json: () => explained,
    table: () => [explanationText(explained, io.style)],
    tsv: () => rowsOf(explained),
  })
  return EXIT.ok
}

/** A request line has no body: facts that only that tells are given by hand. */
function withFactsHint(explained: Explanation, given: boolean): Explanation {
  if (explained.code !== 'fact_unknown') return explained
  const hint = `tell ${given ? 'that fact, too,' : 'that fact'} with --facts, as in --facts '{"tags": ["project=a"]}'`
  return { ...explained, remedy: `${hint}; in a call: ${explained.remedy ?? ''}` }
}

async function bearerOf(config: string, io: Io): Promise<Principal> {
  const { principalOfToken } = await import('./bearer.ts')
  return principalOfToken(config, io)
}

/** What was decided, and then each rule that decided it. */
const rowsOf = (explained: Explanation): readonly (readonly Cell[])[] => [
  [explained.verdict, explained.code, explained.principal, explained.action, explained.resource],
  ...explained.rules.map(({ effect, id, file, line }) => [effect, id, file, line]),
]

/** The recorded decision, and what the policies at hand say of the same question. */
async function explainRecorded(
  set: PolicySet,
  id: string,
  options: ExplainOptions,
  io: Io,
): Promise<number> {
  const spool = await spoolOf(options, io)
  const row = await rowOf(spool, id, io)
  if (row === null) {
    io.err(`no decision "${id}" in ${spool}; it may have been shipped and deleted from there`)
    return EXIT.failed
  }
  if (row.get('RecordKind') === 'summary') {
    io.err(summaryText(row))
    return EXIT.failed
  }
  const asked = askedIn(row, set)
  if (asked === null) {
    io.err(
      `refused before policy was asked: ${textOf(row, 'RefusalCode')}: ${textOf(row, 'Reason')}`,
    )
    return EXIT.failed
  }
  const redecide = createRedecide(set, checkSignIn)
  const reproduced = reproduces(redecide, asked) !== null
  const by = withRecordedGrants(set, asked) ?? { set, principal: asked.principal }
  const explained = explainVerdict(by.set, by.principal, asked.operation, redecide(asked))
  const recorded = {
    verdict: asked.verdict,
    code: row.get('RefusalCode') ?? null,
    policies: asked.policies,
    reason: row.get('Reason') ?? null,
    version: row.get('PolicyVersion') ?? null,
    time: row.get('EventTime') ?? null,
  }
  if (options.output === 'table') io.err(comparison(recorded.version === set.version, reproduced))
  const rules = recorded.policies.join(', ') || 'default'
  show(io, options.output, {
    json: () => ({ ...explained, recorded, reproduced }),
    table: () => [
      `recorded  ${recorded.verdict} by ${rules}, ${textOf(row, 'EventTime')}: ${textOf(row, 'Reason')}`,
      explanationText(explained, io.style),
    ],
    tsv: () => [
      ['recorded', recorded.verdict, rules, textOf(row, 'EventTime'), textOf(row, 'Reason')],
      ...rowsOf(explained),
    ],
  })
  return EXIT.ok
}

function comparison(sameVersion: boolean, reproduced: boolean): string {
  if (sameVersion && reproduced) return 'decided by these same policies:'
  if (sameVersion)
    return 'decided by these same policies, but the record lacks facts they need; so does what follows:'
  return reproduced
    ? 'the policies have changed since; they still decide the same:'
    : 'the policies have changed since; they would now decide differently (or the record lacks facts they need):'
}

const textOf = (row: Row, name: string): string => {
  const value = row.get(name)
  return typeof value === 'string' ? value : '-'
}

/** What a summary says of each call that it counts. */
function summaryText(row: Row): string {
  const codes = [...fieldsOf(row.get('RefusalCodes'))]
  const isKnown = row.get('PrincipalId') !== undefined
  const when = isKnown ? 'before policy was asked' : 'before the caller was identified'
  const who = isKnown ? `of ${textOf(row, 'PrincipalId')}` : `from ${textOf(row, 'SourceIp')}`
  return (
    `refused ${when}, and counted with ${String(row.get('Count'))} refusals ${who}, ` +
    `${textOf(row, 'FirstTime')} to ${textOf(row, 'LastTime')}: ` +
    codes.map(([code, count]) => `${code} ${String(count)}`).join(', ')
  )
}

async function spoolOf(options: ExplainOptions, io: Io): Promise<string> {
  if (options.spool !== undefined) return resolve(io.cwd, options.spool)
  return (await loadConfig(configFile(options, io))).audit.spool.directory
}

async function rowOf(spool: string, id: string, io: Io): Promise<Row | null> {
  let found: Row | null = null
  for await (const row of spoolRows(spool, io)) {
    if (isAbout(row, id) && row.get('RecordKind') !== 'completed') found = row
  }
  return found
}
