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
      'Checks the file and lists all its faults at once. What the file names (certificate, secrets, policies) is checked by doctor and policy check. It changes nothing, and asks nobody over the network.\n\nWith --output json: {file, ok, faults: [{key, line, column, message}]}.',
    exit: '0 "serve" would start, 1 there are faults, 2 wrong arguments.',
    example: 'azureml-harness config check config/harness.yaml',
  })
    .argument('[file]', 'the configuration, instead of --config')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (file, options) => {
      const { configCheck } = await import('./check.ts')
      cli.status = await configCheck({ ...options, file }, cli.io)
    })

const schema = (cli: Cli) =>
  command(cli, 'schema', {
    summary: 'print the JSON schema of the configuration file, or of requests.yaml',
    description:
      'Prints the schema (JSON Schema 2020-12), or writes it to FILE. Editors take it from the first line of a YAML file: # yaml-language-server: $schema=harness.schema.json',
    exit: '0 done, 1 FILE cannot be written, 2 wrong arguments.',
    example: 'azureml-harness config schema config/harness.schema.json',
  })
    .argument('[file]', 'where to write it')
    .addOption(
      new Option('--of <file>', 'the configuration, or requests.yaml beside the bindings')
        .choices(['config', 'requests'] as const)
        .default('config' as const),
    )
    .action(async (file, options) => {
      const { configSchema } = await import('./schema.ts')
      cli.status = await configSchema(file, options, cli.io)
    })
