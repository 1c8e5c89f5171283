/**
 * `config ...`, as it is typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import { command, group, jsonOption, outputOption, withConfig, type Cli } from '../command.ts'

export const configCommands = (cli: Cli) =>
  group(cli, 'config', 'Check the configuration, and print its schema')
    .addCommand(check(cli))
    .addCommand(schema(cli))

const check = (cli: Cli) =>
  withConfig(cli, 'check', {
    summary: 'check a configuration file, and report every fault at once',
    description:
      'Checks the file and lists all its faults at once, then what it names, as "serve" needs it on this machine: certificate, secrets, policies, spool. It warns of values that load and are probably not what is meant. It changes nothing, and asks nobody over the network.\n\nWith --deep it also looks at names and modes of files, whether keys are what they are used as, issuers, audiences and scopes, runs the cases of the policies, says which workspaces no binding reaches, and takes the spool\'s lock and the ports for a moment: run it where the gateway runs, as its user, before it runs. Each fault is one line: key, fault, next step.\n\nWith --output json: {file, ok, faults, warnings}, both lists of {key, line, column, message}; what is not a matter of the file itself has no line and column, but what to do next.',
    exit: '0 "serve" would start on this machine, 1 there are faults, 2 wrong arguments.',
    example: 'azureml-harness config check config/harness.yaml',
  })
    .argument('[file]', 'the configuration, instead of --config')
    .option('--file-only', 'check the file alone, on a machine that has nothing of what it names')
    .option(
      '--deep',
      'also try all that "serve" does at its start without a network, and run the policies\' cases',
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (file, options) => {
      const { configCheck } = await import('./check.ts')
      cli.status = await configCheck({ ...options, file }, cli.io)
    })

const schema = (cli: Cli) =>
  command(cli, 'schema', {
    summary: 'print the JSON schema of the configuration file, of requests.yaml or of a profile',
    description:
      'Prints the schema (JSON Schema 2020-12), or writes it to FILE. Editors take it from the first line of a YAML file: # yaml-language-server: $schema=harness.schema.json',
    exit: '0 done, 1 FILE cannot be written, 2 wrong arguments.',
    example: 'azureml-harness config schema config/harness.schema.json',
  })
    .argument('[file]', 'where to write it')
    .addOption(
      new Option(
        '--of <file>',
        'the configuration, requests.yaml beside the bindings, or a profile of workspaces',
      )
        .choices(['config', 'requests', 'profile'] as const)
        .default('config' as const),
    )
    .action(async (file, options) => {
      const { configSchema } = await import('./schema.ts')
      cli.status = await configSchema(file, options, cli.io)
    })
