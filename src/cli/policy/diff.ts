/**
 * `policy diff OLD NEW --replay SPOOL`: which past decisions a change of policy would have changed.
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkSignIn } from '../../identity/sign-in.ts'
import { PolicyError } from '../../policy/load/faults.ts'
import { loadPolicy } from '../../policy/load/load.ts'
import { replay } from '../../policy/review/replay.ts'
import { EXIT, type Command } from '../io.ts'
import { POLICY_OPTIONS, policyOptions } from './options.ts'
import { spoolRows } from '../audit/spool-rows.ts'

export const policyDiff: Command = {
  summary: 'replay recorded decisions against other policies',
  help: `Usage: azureml-harness policy diff OLD NEW --replay SPOOL --identity NAME... [--json]

Asks every decision of a spool again, of the policies in the directory OLD and of those in NEW, each with its own
bindings.yaml, and lists what changes. Decisions that OLD does not reproduce from the record are counted and left out.
If NEW asks for a sign-in (@stepup) that the record does not tell, a recorded permit is taken to mean that it was good
enough, and a refusal that it was not; the number of these is printed.

  --replay SPOOL    the spool's directory, or one of its files
  --identity NAME   a managed identity that @identity may name; may be repeated
  --json            one JSON object on standard output: {replayed, unreproducible, assumed, changes}

Exit status: 0 nothing changes, 1 something does, or faults, 2 wrong arguments.
Example: azureml-harness policy diff policies ../new/policies --replay /var/spool/harness --identity ml-reader`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        identity: POLICY_OPTIONS.identity,
        replay: { type: 'string' },
        json: { type: 'boolean' },
      },
    })
    const [old, now, ...more] = positionals
    if (old === undefined || now === undefined || more.length > 0 || values.replay === undefined) {
      io.err('policy diff needs OLD, NEW and --replay SPOOL')
      return EXIT.usage
    }
    try {
      const load = async (policies: string) => {
        const options = await policyOptions({ policies, identity: values.identity }, io)
        if (options === null) throw new PolicyError([])
        return loadPolicy(options)
      }
      const result = await replay(
        await load(old),
        await load(now),
        spoolRows(resolve(io.cwd, values.replay)),
        checkSignIn,
      )
      if (values.json === true) io.out(JSON.stringify(result))
      else {
        for (const {
          count,
          principal,
          action,
          workspace,
          before,
          after,
          example,
        } of result.changes) {
          io.out(`${count} × ${principal} ${action}${workspace === null ? '' : ` in ${workspace}`}`)
          io.out(`    was ${before}`)
          io.out(`    is  ${after}`)
          io.out(`    e.g. ${example}`)
        }
        if (result.assumed > 0)
          io.err(`${result.assumed} of them by a sign-in of which their records say nothing`)
        io.err(
          `${result.replayed} decisions replayed, ${result.unreproducible} not reproducible from their records, ${result.changes.length} kinds of change`,
        )
      }
      return result.changes.length === 0 ? EXIT.ok : EXIT.failed
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error
      io.err(error.message)
      return EXIT.failed
    }
  },
}
