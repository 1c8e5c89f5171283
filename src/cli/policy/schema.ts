/**
 * `policy schema` and `policy matrix`: the vocabulary of policies, and which template grants what.
 * @module
 */
import { parseArgs } from 'node:util'
import { matrixText } from '../../policy/review/matrix.ts'
import { schemaText } from '../../policy/load/schema.ts'
import { createWords } from '../../policy/load/words.ts'
import { EXIT, type Command } from '../io.ts'
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from './options.ts'

export const policySchema: Command = {
  summary: 'print the Cedar schema: principals, resources, actions and facts',
  help: `Usage: azureml-harness policy schema

Prints the schema that policies are checked against, for editors and for people. It is policies/schema.cedarschema.

Exit status: 0 done, 2 wrong arguments.
Example: azureml-harness policy schema > policies/schema.cedarschema`,
  async run(args, io) {
    parseArgs({ args: [...args], options: {} })
    io.out(schemaText(createWords()).trimEnd())
    return EXIT.ok
  },
}

export const policyMatrix: Command = {
  summary: 'print which template grants which operation, as a Markdown table',
  help: `Usage: azureml-harness policy matrix (--config FILE | --policies DIR)

Judges every action for every template, without facts, and prints the table of docs/policy-matrix.md.

${POLICY_HELP}

Exit status: 0 done, 1 faults, 2 wrong arguments.
Example: azureml-harness policy matrix --policies policies --identity ml-reader --identity ml-writer`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: POLICY_OPTIONS })
    const loaded = await policyOf(values, io)
    if (loaded === null) return EXIT.usage
    io.out(matrixText(loaded.set).trimEnd())
    return EXIT.ok
  },
}
