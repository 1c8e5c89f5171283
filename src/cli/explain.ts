/**
 * `explain`: who, what, why, and what would have to change.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { classify } from '../azureml/classify.ts'
import { parseTarget } from '../azureml/target.ts'
import { checkSignIn } from '../identity/step-up.ts'
import { createDecide } from '../policy/decide.ts'
import { explain as explainVerdict, explanationText } from '../policy/explain.ts'
import { parseFacts, parsePrincipal } from '../policy/given.ts'
import { askedIn, type Asked, type Row } from '../policy/replay.ts'
import type { PolicySet } from '../policy/rules.ts'
import { EXIT, type Command, type Io } from './io.ts'
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from './policy-options.ts'
import { spoolRows } from './spool-rows.ts'

export const explain: Command = {
  summary: 'explain a decision: from a principal and a request, or from a decision id',
  help: `Usage: azureml-harness explain (--config FILE | --policies DIR) --principal FILE --request LINE [--facts JSON]
       azureml-harness explain (--config FILE | --policies DIR) --decision ID --spool SPOOL

Says who asks, what they do on what, which rules decided, where those are written, which effects they bring and what
would have to change.

${POLICY_HELP}
  --principal FILE  JSON: {"kind": "user", "id": "entra/<tid>/<oid>", "groups": [...], "roles": [...]}
  --request LINE    method and target, as in "GET /subscriptions/...?api-version=2024-04-01"
  --facts JSON      facts that policies ask for, as in '{"instanceCount": 4}'
  --decision ID     a decision id, as answers and records carry it
  --spool SPOOL     the spool's directory, or one of its files
  --json            the explanation as one JSON object on standard output

Exit status: 0 explained, 1 no such decision, or faults, 2 wrong arguments.
Example: azureml-harness explain --config config/harness.yaml --principal me.json --request "GET /subscriptions?api-version=2022-12-01"`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...POLICY_OPTIONS,
        principal: { type: 'string' },
        request: { type: 'string' },
        facts: { type: 'string' },
        decision: { type: 'string' },
        spool: { type: 'string' },
        json: { type: 'boolean' },
      },
    })
    const { principal, request, facts, decision, spool } = values
    const given = principal !== undefined && request !== undefined
    const recorded = decision !== undefined && spool !== undefined
    if (given === recorded) {
      io.err('explain needs either --principal and --request, or --decision and --spool')
      return EXIT.usage
    }
    const loaded = await policyOf(values, io)
    if (loaded === null) return EXIT.usage
    const { set } = loaded
    const asked = recorded
      ? await fromSpool(set, decision, resolve(io.cwd, spool), io)
      : {
          principal: parsePrincipal(await readFile(resolve(io.cwd, principal ?? ''), 'utf8')),
          operation: operationOf(request ?? ''),
          facts: parseFacts(facts ?? '{}'),
        }
    if (asked === null) return EXIT.failed
    const verdict = createDecide(set, {
      checkSignIn: (who, requirement) => checkSignIn(who, requirement, io.now()),
    })(asked.principal, asked.operation, asked.facts)
    const explained = explainVerdict(set, asked.principal, asked.operation, verdict)
    io.out(values.json === true ? JSON.stringify(explained) : explanationText(explained))
    return EXIT.ok
  },
}

function operationOf(line: string) {
  const [method = '', target = ''] = line.trim().split(/\s+/u)
  return classify(parseTarget(method, target))
}

async function fromSpool(set: PolicySet, id: string, spool: string, io: Io): Promise<Asked | null> {
  let found: Row | null = null
  for await (const row of spoolRows(spool)) {
    if (row.get('ExchangeId') === id && row.get('RecordKind') !== 'completed') found = row
  }
  if (found === null) {
    io.err(`no decision "${id}" in the spool`)
    return null
  }
  io.err(`recorded: ${String(found.get('Decision'))}, ${String(found.get('Reason'))}`)
  if (found.get('PolicyVersion') !== set.version) {
    io.err('recorded under another policy version: what follows is what these policies say')
  }
  const asked = askedIn(found, set)
  if (asked === null)
    io.err('the record has no decision of policy: it was refused before or after it')
  return asked
}
