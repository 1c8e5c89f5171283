/**
 * `azureml-harness COMMAND`: runs one command and says what went wrong.
 * @module
 */
import {
  Argument,
  CommanderError,
  type Command,
  type CommandUnknownOpts,
} from '@commander-js/extra-typings'
import { accessCommands } from './access/commands.ts'
import { approvalCommands } from './approvals/commands.ts'
import { grantCommands } from './grants/commands.ts'
import { auditCommands } from './audit/commands.ts'
import { evidenceCommands } from './evidence/commands.ts'
import { command, group, pathOf, PROGRAM, SHELLS, statusOf, type Cli } from './command.ts'
import { gatewayCommands } from './commands.ts'
import { configCommands } from './config/commands.ts'
import { EXIT, type Io } from './io.ts'
import { policyCommands } from './policy/commands.ts'
import { workspaceCommands } from './workspace/commands.ts'
import { fileProblem, Problem, UsageError } from './problem.ts'
import { sessionCommands } from './session/commands.ts'
import { VERSION } from './version.ts'

/** The tree of commands. */
export function programOf(cli: Cli): Command {
  const program = group(
    cli,
    PROGRAM,
    'A reverse proxy in front of the Azure Machine Learning REST API',
  )
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      '\nExit status of every command: 0 done, 1 failed, 2 wrong arguments, 130 interrupted.',
    )
  for (const one of [...gatewayCommands(cli), ...sessionCommands(cli), ...accessCommands(cli)])
    program.addCommand(one)
  return program
    .addCommand(approvalCommands(cli))
    .addCommand(grantCommands(cli))
    .addCommand(policyCommands(cli))
    .addCommand(workspaceCommands(cli))
    .addCommand(auditCommands(cli))
    .addCommand(evidenceCommands(cli))
    .addCommand(configCommands(cli))
    .addCommand(completion(cli))
}

const completion = (cli: Cli) =>
  command(cli, 'completion', {
    summary: 'print a script with which a shell completes commands and options',
    description:
      'Prints the script for bash, zsh or PowerShell. Put the line of the example into ~/.bashrc, or for zsh into ~/.zshrc after compinit; for PowerShell, put "azureml-harness completion powershell | Out-String | Invoke-Expression" into $PROFILE.',
    exit: '0 printed, 2 wrong arguments.',
    example: 'eval "$(azureml-harness completion bash)"',
  })
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action(async (shell) => {
      const { completionScript } = await import('./completion.ts')
      cli.io.out(completionScript(programOf(cli), shell))
    })

/** Every command that does something, by its words: `policy check`. */
export function commandsIn(program: CommandUnknownOpts): ReadonlyMap<string, CommandUnknownOpts> {
  const found = new Map<string, CommandUnknownOpts>()
  const visit = (at: CommandUnknownOpts): void => {
    for (const one of at.commands) {
      if (one.commands.length > 0) visit(one)
      else found.set(pathOf(one).slice(PROGRAM.length + 1), one)
    }
  }
  visit(program)
  return found
}

/**
 * `help policy plan` as `policy plan --help`: commander looks at the first word only, and takes the status from the
 * process. @throws UsageError for a command that there is not
 */
async function withHelp(program: Command, argv: readonly string[]): Promise<readonly string[]> {
  const [first, ...words] = argv
  if (first !== 'help') return argv
  let at: CommandUnknownOpts = program
  for (const word of words) {
    const found = at.commands.find((one) => one.name() === word)
    if (found === undefined) {
      const { didYouMean } = await import('../lib/suggest.ts')
      const names = at.commands.map((one) => one.name())
      throw new UsageError(`there is no command "${words.join(' ')}"${didYouMean(word, names)}`)
    }
    at = found
  }
  return [...words, '--help']
}

/** Runs one command and answers with its exit status: 0 done, 1 failed, 2 wrong arguments, 130 interrupted. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const cli: Cli = { io, args: argv, status: EXIT.ok }
  const program = programOf(cli)
  let running = PROGRAM
  program.hook('preAction', (_, action) => {
    running = pathOf(action)
  })
  try {
    await program.parseAsync([...(await withHelp(program, argv))], { from: 'user' })
    return cli.status
  } catch (error) {
    // commander has printed its own
    if (error instanceof CommanderError) return statusOf(error.exitCode)
    const shown = fileProblem(error) ?? error
    io.err(`${running}: ${shown instanceof Error ? shown.message : 'failed'}`)
    if (shown instanceof Problem) io.err(`  ${shown.next}`)
    if (!(shown instanceof UsageError)) return EXIT.failed
    io.err(`  ${running} --help shows what it takes`)
    return EXIT.usage
  }
}
