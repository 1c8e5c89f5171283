/**
 * `can` without `--who`: what the caller may do, asked of the gateway with the caller's own token.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'
import { askGateway, list, object, text } from './ask-gateway.ts'

export interface OwnCanOptions extends Wanted {
  readonly config?: string | undefined
  readonly policies?: string | undefined
  readonly on: string
  readonly list?: true | undefined
  readonly output: Output
}

/** Exit status 1 if the caller may not, or may nothing. */
export async function ownCan(
  action: string | undefined,
  options: OwnCanOptions,
  io: Io,
): Promise<number> {
  if ((action === undefined) !== (options.list === true))
    throw new UsageError('either an ACTION or --list is needed')
  if (options.config !== undefined || options.policies !== undefined)
    throw new UsageError('--config and --policies need --who; without it the gateway is asked')
  const asked = new URLSearchParams({ on: options.on, ...(action === undefined ? {} : { action }) })
  const answer = await askGateway(io, options, `/_harness/can?${asked.toString()}`, {
    ifMissing: 'give its ARM id; azureml-harness whoami lists what you have access to',
  })
  const found = list(answer.get('may')).map((one) => {
    const { action: name, may, policies } = Object.fromEntries(object(one))
    return { action: text(name), may: text(may), policies: list(policies).map(text) }
  })
  const rows = found.map(({ action: name, may, policies }) => [
    name.replace(`${PROVIDER}/`, ''),
    may,
    policies.join(', '),
  ])
  show(io, options.output, {
    json: () => found,
    table: () => (rows.length === 0 ? ['nothing'] : tableLines(['ACTION', 'MAY', 'BY'], rows)),
    tsv: () => rows,
  })
  return found.some(({ may }) => may !== 'refuse') ? EXIT.ok : EXIT.failed
}
