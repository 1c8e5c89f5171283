/**
 * `access show`: one grant, for whoever holds it or decides about it.
 * @module
 */
import { askGateway, list, object, text, type Members } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Cell, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'

export interface ShowOptions extends Wanted {
  readonly output: Output
}

export const GRANTS = '/_harness/api/grants'
const ID = /^[a-z2-7]{16}-[1-9]\d{0,4}$/u

/** Where a grant is. @throws UsageError for what is no id of one */
export function pathOfGrant(id: string): string {
  if (!ID.test(id)) throw new UsageError('a grant has an id like k3f5q2m7x2v4b6ta-1')
  return `${GRANTS}/${id}`
}

export const MISSING = 'list those that you see: azureml-harness access list --state all'

/** A request that waits for its approvers, or has an extension that does. */
export const WAITING = 4

/** The exit status of whoever asked for something that the grant tells. */
export function statusOf(grant: Members): number {
  const waits = text(grant.get('state')) === 'open' || text(grant.get('extension')) !== ''
  return waits ? WAITING : EXIT.ok
}

export async function showGrant(id: string, options: ShowOptions, io: Io): Promise<number> {
  const grant = await askGateway(io, options, pathOfGrant(id), { ifMissing: MISSING })
  printGrant(grant, options.output, io)
  return EXIT.ok
}

export function printGrant(grant: Members, output: Output, io: Io): void {
  show(io, output, {
    json: () => Object.fromEntries(grant),
    table: () => lines(grant, io),
    tsv: () => [row(grant)],
  })
}

/** Id, state, asked, until, role, ARM id, who gets it, by whom, for how long, what waits to be added. */
export function row(grant: Members): readonly Cell[] {
  const { id, state, asked, until, template, by, extension } = Object.fromEntries(grant)
  const resource = object(grant.get('resource')).get('id')
  const grantee = object(grant.get('grantee')).get('id')
  const lasts = grant.get('for')
  return [id, state, asked, until, template, resource, grantee, by, lasts, extension].map(text)
}

function lines(grant: Members, { style }: Io): readonly string[] {
  const of = (name: string): string => text(grant.get(name))
  const [state, until, extension, why] = [of('state'), of('until'), of('extension'), of('void')]
  const colour = state === 'active' ? 'green' : state === 'open' ? 'yellow' : 'red'
  const grantee = object(grant.get('grantee'))
  const holder = text(grantee.get('id'))
  const reviewers = grant.get('reviewers')
  const approvers = list(grant.get('approvers')).map(text)
  const approvedBy = list(grant.get('approvedBy')).map(text)
  const said = list(grant.get('verdicts')).map((one) => {
    const { verdict, by, at, comment } = Object.fromEntries(object(one))
    return [text(at), text(by), text(verdict), text(comment)]
  })
  const waits = state === 'open' || extension !== ''
  const ticket = of('ticket')
  return [
    `grant ${of('id')}, ${style(colour, state)}${until === '' ? '' : ` until ${until}`}`,
    `${of('template')} on ${text(object(grant.get('resource')).get('id'))} for ${of('for')}, at most ${of('most')}`,
    `for ${text(grantee.get('type'))} ${holder}${of('by') === holder ? '' : `, given by ${of('by')}`}`,
    `reason: ${of('reason')}${ticket === '' ? '' : ` (${ticket})`}`,
    ...(why === '' ? [] : [style('red', `it gives nothing: ${why}`)]),
    ...(extension === '' ? [] : [`an extension of ${extension} waits for its approvers`]),
    ...(typeof reviewers === 'number' && reviewers > 0 && waits
      ? [`${approvedBy.length} of ${reviewers} approved; approvers: ${approvers.join(', ')}`]
      : []),
    ...(said.length === 0 ? [] : ['', ...tableLines(null, said)]),
    ...(grant.get('mayApprove') === true
      ? ['', `decide: azureml-harness access approve ${of('id')}, or deny`]
      : []),
  ]
}
