/**
 * `policy check`: says whether a gateway would start with these policies, and all that is wrong with them.
 * @module
 */
import { parseArgs } from 'node:util'
import { PolicyError } from '../policy/faults.ts'
import { EXIT, type Command } from './io.ts'
import { POLICY_HELP, POLICY_OPTIONS, policyOf } from './policy-options.ts'

export const policyCheck: Command = {
  summary: 'check policies, templates and bindings, and report every fault at once',
  help: `Usage: azureml-harness policy check (--config FILE | --policies DIR) [--json]

Checks policies, templates and bindings against the schema. Every fault comes with file, line and a suggestion.

${POLICY_HELP}
  --json            one JSON object on standard output: {ok, version, faults}

Exit status: 0 sound, 1 faults, 2 wrong arguments.
Example: azureml-harness policy check --config config/harness.yaml`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { ...POLICY_OPTIONS, json: { type: 'boolean' } },
    })
    try {
      const loaded = await policyOf(values, io)
      if (loaded === null) return EXIT.usage
      const { set } = loaded
      if (values.json === true) {
        io.out(JSON.stringify({ ok: true, version: set.version, faults: [] }))
        return EXIT.ok
      }
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
      return EXIT.ok
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error
      if (values.json === true)
        io.out(JSON.stringify({ ok: false, version: null, faults: error.faults }))
      else io.err(error.message)
      return EXIT.failed
    }
  },
}
