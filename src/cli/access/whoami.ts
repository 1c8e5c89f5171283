/**
 * `whoami`: whom the gateway takes the caller for, and what that gives.
 * @module
 */
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Cell, type Output } from '../output.ts'
import type { Wanted } from '../session/credential.ts'
import { askGateway, list, object, text, type Members } from './ask-gateway.ts'

export interface WhoAmIOptions extends Wanted {
  readonly output: Output
}

export async function whoami(options: WhoAmIOptions, io: Io): Promise<number> {
  const answer = await askGateway(io, options, '/_harness/whoami')
  const access = accessIn(answer)
  show(io, options.output, {
    json: () => Object.fromEntries(answer),
    table: () => lines(answer, access),
    tsv: () => access,
  })
  return EXIT.ok
}

/** Role, name, ARM id, through which group or person, until when. */
export function accessIn(answer: Members): readonly (readonly Cell[])[] {
  return list(answer.get('access')).map((one) => {
    const { template, name, resource, through, until } = Object.fromEntries(object(one))
    const by = object(through)
    return [
      text(template),
      text(name),
      text(object(resource).get('id')),
      `${text(by.get('type'))} ${text(by.get('id'))}`,
      text(until),
    ]
  })
}

function lines(answer: Members, access: readonly (readonly Cell[])[]): readonly string[] {
  const who = object(answer.get('principal'))
  const help = object(answer.get('help'))
  const contact = text(help.get('contact'))
  const groups = list(answer.get('memberships')).map((one) => {
    const { name, id } = Object.fromEntries(object(one))
    return text(name) === '' ? text(id) : `${text(name)} (${text(id)})`
  })
  const rows = access.map(([template, name, , through, until]) => [
    template,
    name,
    through,
    until === '' ? 'no end' : until,
  ])
  return [
    `${text(who.get('kind'))} ${text(who.get('id'))}, until ${text(answer.get('tokenExpires'))}`,
    groups.length === 0
      ? 'in no group that any policy or binding names'
      : `in ${groups.join(', ')}`,
    '',
    ...(rows.length === 0
      ? ['no access to anything yet']
      : tableLines(['ROLE', 'ON', 'THROUGH', 'UNTIL'], rows)),
    ...(contact === '' ? [] : ['', `questions: ${contact}`]),
  ]
}
