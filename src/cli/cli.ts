/**
 * `azureml-harness COMMAND`: the list of commands and the way to each.
 * @module
 */
import { codeOf } from '../lib/error-code.ts'
import { auditCat } from './audit/cat.ts'
import { auditReconcile } from './audit/reconcile.ts'
import { auditVerify } from './audit/verify.ts'
import { configCheck } from './config/check.ts'
import { configSchema } from './config/schema.ts'
import { doctor } from './doctor.ts'
import { env } from './session/env.ts'
import { exec } from './session/exec.ts'
import { explain } from './explain/explain.ts'
import { health } from './health.ts'
import { EXIT, type Command, type Io } from './io.ts'
import { login } from './session/login.ts'
import { logout } from './session/logout.ts'
import { policyCheck } from './policy/check.ts'
import { policyDiff } from './policy/diff.ts'
import { policyDrift } from './policy/drift.ts'
import { policyExport } from './policy/export.ts'
import { policyMatrix, policySchema } from './policy/schema.ts'
import { policyTest } from './policy/test.ts'
import { Problem } from './problem.ts'
import { serve } from './serve.ts'
import { token } from './session/token.ts'

/** Commands by their words; the longest match wins. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['serve', serve],
  ['health', health],
  ['login', login],
  ['token', token],
  ['env', env],
  ['exec', exec],
  ['logout', logout],
  ['doctor', doctor],
  ['explain', explain],
  ['policy check', policyCheck],
  ['policy test', policyTest],
  ['policy diff', policyDiff],
  ['policy export', policyExport],
  ['policy drift', policyDrift],
  ['policy schema', policySchema],
  ['policy matrix', policyMatrix],
  ['audit cat', auditCat],
  ['audit verify', auditVerify],
  ['audit reconcile', auditReconcile],
  ['config check', configCheck],
  ['config schema', configSchema],
])

/** Runs one command and answers with its exit status: 0 done, 1 failed, 2 wrong arguments. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const help = argv.length === 0 || argv[0] === '--help' || argv[0] === '-h' || argv[0] === 'help'
  if (help) {
    io.out(usage())
    return argv.length === 0 ? EXIT.usage : EXIT.ok
  }
  for (const words of [2, 1]) {
    const command = COMMANDS.get(argv.slice(0, words).join(' '))
    if (command === undefined) continue
    const args = argv.slice(words)
    // what follows "--" is for the program that the command runs
    const own = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length)
    if (own.includes('--help') || own.includes('-h')) {
      io.out(command.help)
      return EXIT.ok
    }
    try {
      return await command.run(args, io)
    } catch (error) {
      const name = argv.slice(0, words).join(' ')
      const isUsage = isArgumentError(error)
      io.err(`azureml-harness ${name}: ${error instanceof Error ? error.message : 'failed'}`)
      if (error instanceof Problem) io.err(`  ${error.next}`)
      if (isUsage) io.err(`  azureml-harness ${name} --help shows what it takes`)
      return isUsage ? EXIT.usage : EXIT.failed
    }
  }
  const words = [...COMMANDS.keys()]
  const family = words.filter((name) => name.startsWith(`${argv[0] ?? ''} `))
  io.err(`azureml-harness: no command "${argv.slice(0, 2).join(' ')}"`)
  io.err(
    family.length > 0
      ? `did you mean one of: ${family.join(', ')}`
      : 'azureml-harness --help lists the commands',
  )
  return EXIT.usage
}

/** What node's parseArgs throws for an option that a command does not have, or for one without its value. */
function isArgumentError(error: unknown): boolean {
  return codeOf(error).startsWith('ERR_PARSE_ARGS_')
}

function usage(): string {
  const width = Math.max(...[...COMMANDS.keys()].map((name) => name.length))
  const lines = [...COMMANDS].map(
    ([name, command]) => `  ${name.padEnd(width)}  ${command.summary}`,
  )
  return `Usage: azureml-harness COMMAND [options]

A reverse proxy in front of the Azure Machine Learning REST API: identity, policy, audit.

Commands:
${lines.join('\n')}

Every command has --help. Exit status: 0 done, 1 failed, 2 wrong arguments.`
}
