/**
 * `policy test`: runs the cases beside the policies.
 * @module
 */
import { parseArgs } from 'node:util'
import { checkSignIn } from '../../identity/sign-in.ts'
import { runCases, type CaseResult } from '../../policy/review/cases.ts'
import { PolicyError } from '../../policy/load/faults.ts'
import { EXIT, type Command } from '../io.ts'
import { caseFiles, POLICY_HELP, POLICY_OPTIONS, policyOf } from './options.ts'

export const policyTest: Command = {
  summary: 'run the cases beside the policies (*.tests.yaml)',
  help: `Usage: azureml-harness policy test (--config FILE | --policies DIR) [--json]

Runs every case of every *.tests.yaml in the policies' directory and lists those that are decided otherwise.

${POLICY_HELP}
  --json            one JSON object a case on standard output: {file, name, wrong}

Exit status: 0 all as expected, 1 some are not, or faults, 2 wrong arguments.
Example: azureml-harness policy test --config config/harness.yaml`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { ...POLICY_OPTIONS, json: { type: 'boolean' } },
    })
    const results: CaseResult[] = []
    try {
      const loaded = await policyOf(values, io)
      if (loaded === null) return EXIT.usage
      const { set, options } = loaded
      const names = { identities: options.identities, issuers: [] }
      for (const source of await caseFiles(options.directory)) {
        results.push(...runCases(set, source, names, checkSignIn))
      }
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error
      io.err(error.message)
      return EXIT.failed
    }
    const wrong = results.filter((result) => result.wrong !== null)
    if (values.json === true) for (const result of results) io.out(JSON.stringify(result))
    else for (const { file, name, wrong: why } of wrong) io.err(`${file}: ${name}: ${why}`)
    io.err(`${results.length} cases, ${wrong.length} not as expected`)
    // no cases prove nothing
    return wrong.length === 0 && results.length > 0 ? EXIT.ok : EXIT.failed
  },
}
