/**
 * `access list`: requests and grants that the caller sees.
 * @module
 */
import { askGateway, list, object } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines } from '../output.ts'
import { GRANTS, row, type ShowOptions } from './show.ts'

export interface ListOptions extends ShowOptions {
  readonly toMe?: true | undefined
  readonly mine?: true | undefined
  readonly state: string
}

export async function listGrants(options: ListOptions, io: Io): Promise<number> {
  const to = options.toMe === true ? 'me' : options.mine === true ? 'mine' : 'all'
  const path = `${GRANTS}?state=${options.state}&to=${to}`
  const found = list((await askGateway(io, options, path)).get('value'))
  const rows = found.map((one) => row(object(one)))
  show(io, options.output, {
    json: () => found,
    table: () => {
      if (rows.length === 0) return ['no such grants']
      const short = rows.map(([id, state, , until, template, resource, grantee]) => [
        id,
        state,
        until,
        template,
        String(resource).slice(String(resource).lastIndexOf('/') + 1),
        grantee,
      ])
      return tableLines(['GRANT', 'STATE', 'UNTIL', 'ROLE', 'ON', 'FOR'], short)
    },
    tsv: () => rows,
  })
  return EXIT.ok
}
