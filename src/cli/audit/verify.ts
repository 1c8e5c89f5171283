/**
 * `audit verify DIR`: whether a spool, or a copy of one, is what was written.
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { chainsIn, verifyChain, type Verdict } from '../../audit/inspect/verify.ts'
import { EXIT, type Command } from '../io.ts'

export const auditVerify: Command = {
  summary: 'check the hash chain and the signatures of an audit spool',
  help: `Usage: azureml-harness audit verify DIR [--key-id ID]... [--at-least SEQ] [--json]

Reads every record of a spool or of a copy of one; needs neither the gateway nor its configuration. Names the first
record that was edited, inserted, deleted or moved.

  --key-id ID      accept checkpoints of this key only (the id is in every checkpoint that was shipped)
  --at-least SEQ   the last record that a sink has: a chain that ends before it was cut
  --json           one JSON object for each chain

Exit status: 0 whole, 1 broken, 2 wrong arguments.
Example: azureml-harness audit verify /var/lib/azureml-harness/spool --key-id 40c9e43de5132bfc`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'key-id': { type: 'string', multiple: true },
        'at-least': { type: 'string' },
        json: { type: 'boolean' },
      },
    })
    const [directory, ...others] = positionals
    const atLeast = Number(values['at-least'] ?? 0)
    if (directory === undefined || others.length > 0 || !Number.isSafeInteger(atLeast)) {
      io.err('audit verify needs one DIR')
      return EXIT.usage
    }
    const chains = chainsIn(resolve(io.cwd, directory))
    if (chains.length === 0) {
      io.err(`no audit chain in "${directory}"`)
      return EXIT.failed
    }
    let whole = true
    for (const chain of chains) {
      const verdict = cutJudged(verifyChain(chain, values['key-id'] ?? []), atLeast)
      if (verdict.broken !== null) whole = false
      io.out(values.json === true ? JSON.stringify(verdict) : textOf(verdict))
    }
    return whole ? EXIT.ok : EXIT.failed
  },
}

function cutJudged(verdict: Verdict, atLeast: number): Verdict {
  if (verdict.broken !== null || verdict.end.seq >= atLeast) return verdict
  const seq = verdict.end.seq + 1
  const why = `the chain ends before record ${atLeast}: its tail was cut`
  return { ...verdict, broken: { segment: '(end)', line: 0, seq, why } }
}

function textOf(verdict: Verdict): string {
  const { broken, end } = verdict
  const lines = [
    `chain ${verdict.chainId}: ${broken === null ? 'whole' : 'BROKEN'}`,
    `  records ${verdict.firstSeq} to ${end.seq}, ${verdict.records} in ${verdict.segments} segments, ${verdict.checkpoints} signed checkpoints by ${verdict.keyIds.join(', ')}`,
    `  ${verdict.unsigned} records after the last checkpoint, ${verdict.repairs} declared repairs, head ${end.head}`,
  ]
  if (broken !== null) {
    lines.push(`  record ${broken.seq}, line ${broken.line} of ${broken.segment}: ${broken.why}`)
  }
  return lines.join('\n')
}
