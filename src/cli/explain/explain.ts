/**
 * `explain`: why a call is permitted or refused, and what would have to change.
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig } from '../../config/load.ts'
import { checkSignIn } from '../../identity/sign-in.ts'
import { createDecide } from '../../policy/decide.ts'
import { explain as explainVerdict, explanationText } from '../../policy/review/explain.ts'
import { askedIn, type Row } from '../../policy/review/recorded.ts'
import { createRedecide, reproduces } from '../../policy/review/replay.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { principalIn, principalOfToken, questionOf } from './asked.ts'
import { EXIT, type Command, type Io } from '../io.ts'
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from '../policy/options.ts'
import { spoolRows } from '../audit/spool-rows.ts'

const OPTIONS = {
  ...POLICY_OPTIONS,
  principal: { type: 'string' },
  token: { type: 'string' },
  request: { type: 'string' },
  facts: { type: 'string' },
  decision: { type: 'string' },
  spool: { type: 'string' },
  json: { type: 'boolean' },
} as const

export const explain: Command = {
  summary: 'explain a decision: of a token or principal and a request, or by its id',
  help: `Usage: azureml-harness explain (--config FILE | --policies DIR) --principal FILE --request LINE [--facts JSON]
       azureml-harness explain --config FILE --token - --request LINE [--facts JSON]
       azureml-harness explain (--config FILE | --policies DIR) --decision ID [--spool SPOOL]

Says who asks, what they do on what, which rules decided, where those are written, which effects they bring and what
would have to change. Nothing is sent to Azure and nothing is recorded.

${POLICY_HELP}
  --principal FILE  JSON: {"kind": "user", "id": "entra/<tid>/<oid>", "groups": [...], "roles": [...],
                    "signedIn": {"ageSeconds": 30, "methods": ["mfa"]}}
  --token -         a token on standard input, verified as the gateway does: its issuer is asked for keys
  --request LINE    method and target, as in "GET /subscriptions/...?api-version=2024-04-01"
  --facts JSON      further facts, as in '{"instanceCount": 4}'; those of the request and the token are known
  --decision ID     a decision id, as answers and records carry it
  --spool SPOOL     the spool's directory, or one of its files; with --config the gateway's own if absent
  --json            one object on standard output: the explanation, for a decision id with {"recorded", "reproduced"}

Exit status: 0 explained, 1 no such decision, a token that is refused, or faults, 2 wrong arguments.
Example: azureml-harness token |
  azureml-harness explain --config harness.yaml --token - --request "GET /subscriptions?api-version=2022-12-01"`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    const { principal, token, request, facts, decision } = values
    const asks = request !== undefined && (principal === undefined) !== (token === undefined)
    const mixed = decision !== undefined && (principal ?? token ?? request) !== undefined
    if (mixed || asks === (decision !== undefined)) {
      io.err('explain needs --request with --principal or --token, or else --decision')
      return EXIT.usage
    }
    if (token !== undefined && (token !== '-' || values.config === undefined)) {
      io.err('--token takes "-" alone, and needs --config: a token belongs on standard input')
      return EXIT.usage
    }
    const loaded = await policyOf(values, io)
    if (loaded === null) return EXIT.usage
    const { set } = loaded
    if (decision !== undefined) return explainRecorded(set, decision, values, io)
    const who =
      token === undefined
        ? { principal: await principalIn(principal ?? '', io), token: false }
        : { principal: await principalOfToken(values.config ?? '', io), token: true }
    const asked = questionOf(who, request ?? '', facts ?? '{}', io.now())
    const verdict = createDecide(set, {
      checkSignIn: (one, requirement) => checkSignIn(one, requirement, io.now()),
    })(
      asked.principal,
      asked.operation,
      asked.facts,
      asked.operation.effect === 'read' ? undefined : 'all',
    )
    const explained = explainVerdict(set, asked.principal, asked.operation, verdict)
    io.out(values.json === true ? JSON.stringify(explained) : explanationText(explained, io.colour))
    return EXIT.ok
  },
}

interface RecordedOptions {
  readonly config?: string | undefined
  readonly spool?: string | undefined
  readonly json?: boolean | undefined
}

/** The recorded decision, and what the policies at hand say of the same question. */
async function explainRecorded(
  set: PolicySet,
  id: string,
  options: RecordedOptions,
  io: Io,
): Promise<number> {
  const spool = await spoolOf(options, io)
  if (spool === null) {
    io.err('--decision needs --spool, or --config, which names the spool')
    return EXIT.usage
  }
  const row = await rowOf(spool, id)
  if (row === null) {
    io.err(`no decision "${id}" in ${spool}; it may have been shipped and deleted from there`)
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
  const explained = explainVerdict(set, asked.principal, asked.operation, redecide(asked))
  const recorded = {
    verdict: asked.verdict,
    code: row.get('RefusalCode') ?? null,
    policies: asked.policies,
    reason: row.get('Reason') ?? null,
    version: row.get('PolicyVersion') ?? null,
    time: row.get('EventTime') ?? null,
  }
  if (options.json === true) {
    io.out(JSON.stringify({ ...explained, recorded, reproduced }))
    return EXIT.ok
  }
  io.out(
    `recorded  ${recorded.verdict} by ${recorded.policies.join(', ') || 'default'}, ${textOf(row, 'EventTime')}: ${textOf(row, 'Reason')}`,
  )
  io.err(comparison(recorded.version === set.version, reproduced))
  io.out(explanationText(explained, io.colour))
  return EXIT.ok
}

function comparison(sameVersion: boolean, reproduced: boolean): string {
  if (sameVersion && reproduced) return 'decided by these same policies:'
  if (sameVersion)
    return 'decided by these same policies, but on more than the record keeps; what follows lacks that:'
  return reproduced
    ? 'decided under another policy version; these policies decide the same:'
    : 'decided under another policy version; these policies decide otherwise, or on more than the record keeps:'
}

const textOf = (row: Row, name: string): string => {
  const value = row.get(name)
  return typeof value === 'string' ? value : '-'
}

async function spoolOf({ spool, config }: RecordedOptions, io: Io): Promise<string | null> {
  if (spool !== undefined) return resolve(io.cwd, spool)
  if (config === undefined) return null
  return (await loadConfig(resolve(io.cwd, config))).audit.spool.directory
}

async function rowOf(spool: string, id: string): Promise<Row | null> {
  let found: Row | null = null
  for await (const row of spoolRows(spool)) {
    if (row.get('ExchangeId') === id && row.get('RecordKind') !== 'completed') found = row
  }
  return found
}
