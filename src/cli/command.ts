/**
 * What every command has in common: its help, how it says no, and the options that many commands share.
 *
 * Definitions import nothing but this: what a command does is imported when it runs, so that `--help`, `--version` and
 * `token` start at once.
 * @module
 */
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { EXIT, type Io } from './io.ts'
import { OUTPUTS } from './output.ts'

export const PROGRAM = 'azureml-harness'
/** Names the configuration for every command that takes `--config`. */
export const CONFIG_VARIABLE = 'AZUREML_HARNESS_CONFIG'
/** Holds a token for Azure Resource Manager, in the place of those of the gateway's identities. */
export const TOKEN_VARIABLE = 'AZURE_ARM_TOKEN'

/** Shells for which there is a script of completion. */
export const SHELLS = ['bash', 'zsh', 'powershell'] as const

/** One run of the program: its actions set the exit status. */
export interface Cli {
  readonly io: Io
  readonly args: readonly string[]
  status: number
}

/** What `COMMAND --help` says besides the options. */
export interface Help {
  /** One line for lists, in lower case, without a full stop. */
  readonly summary: string
  readonly description: string
  /** What follows `Exit status: `. */
  readonly exit: string
  readonly example: string
}

const HELP_WIDTH = 110
const widthOf = ({ columns }: Io): number => Math.min(columns ?? HELP_WIDTH, HELP_WIDTH)

/** A command or a group, with what all of them have. */
function base(cli: Cli, name: string, summary: string): Command {
  const { io } = cli
  const made = new Command(name)
  return made
    .summary(summary)
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, '')),
      writeErr: (text) => io.err(text.replace(/\n$/, '')),
      getOutHelpWidth: () => widthOf(io),
      getErrHelpWidth: () => widthOf(io),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => {
        const path = pathOf(made)
        write(`${path}: ${text.replace(/^error: /, '').trimEnd()}`)
        write(`  ${path} --help shows what it takes`)
      },
    })
}

/** A command that does something. */
export function command(cli: Cli, name: string, help: Help): Command {
  const made = base(cli, name, help.summary).description(help.description)
  return made.addHelpText('after', () => {
    const exit = made.createHelp().boxWrap(`Exit status: ${help.exit}`, widthOf(cli.io))
    return `\n${exit}\nExample: ${help.example}`
  })
}

/** A word with commands below it. */
export function group(cli: Cli, name: string, summary: string): Command {
  const made = base(cli, name, summary).description(`${summary}.`)
  return made.addHelpText('after', () => `\n${pathOf(made)} COMMAND --help says more of a command.`)
}

/** The words of a command, with the program's name: `azureml-harness policy check`. */
export function pathOf(made: { readonly name: () => string; readonly parent: unknown }): string {
  const words = [made.name()]
  for (let at = made.parent; at instanceof Command; at = at.parent) words.unshift(at.name())
  return words.join(' ')
}

/** `--output`, with `--json` as the short form that scripts have used. */
export const outputOption = () =>
  new Option('-o, --output <form>', 'a table for people, JSON, or tab-separated values')
    .choices(OUTPUTS)
    .default('table' as const)

/** `--json`, for scripts that were written before `--output`. */
export const jsonOption = () =>
  new Option('--json', 'the same as --output json').implies({ output: 'json' as const }).hideHelp()

const CONFIG_TEXT = `the gateway's configuration; ${CONFIG_VARIABLE} if absent`

/** A command with `--config`. */
export const withConfig = (cli: Cli, name: string, help: Help) =>
  command(cli, name, help).option('-c, --config <file>', CONFIG_TEXT)

/** A command that works on policies. */
export const withPolicies = (cli: Cli, name: string, help: Help) =>
  command(cli, name, help)
    .option(
      '-c, --config <file>',
      `the gateway's configuration: policies, bindings, identities and issuers are taken from it; ${CONFIG_VARIABLE} if absent`,
    )
    .option(
      '--policies <dir>',
      'instead, a directory of policies; its bindings.yaml unless --bindings names another',
    )
    .option('--bindings <file>', 'bindings, with --policies')
    .addOption(
      new Option(
        '--identity <name>',
        'a managed identity that @identity may name, with --policies; may be repeated',
      ).argParser<string[]>(repeated),
    )

/** A command that needs a token for the gateway. */
export const withGateway = (cli: Cli, name: string, help: Help) =>
  command(cli, name, help)
    .option(
      '--gateway <url>',
      'the gateway; AZUREML_HARNESS_GATEWAY, or the one of the last login, if absent',
    )
    .option(
      '--ca <file>',
      'certificates (PEM) to trust besides the usual ones; AZUREML_HARNESS_CA, or those of the login, if absent',
    )
    .option(
      '--accept-change',
      'trust what the gateway publishes now, if that has changed since it was first used here',
    )

/** For an option that may be repeated. */
export const repeated = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]

/** For an option that is a whole number of `what`. */
export const whole =
  (what: string, least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(
      `It takes a whole number of ${what}, ${most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`}.`,
    )
  }

/** Whether the arguments have `--`, after which everything belongs to another program. */
export const hasTerminator = ({ args }: Cli): boolean => args.includes('--')

/** Help that was asked for is a success; a command that is missing or wrong is not. */
export const statusOf = (exitCode: number): number => (exitCode === 0 ? EXIT.ok : EXIT.usage)
