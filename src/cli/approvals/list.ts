/**
 * `approvals list`: reviews that the caller sees.
 * @module
 */
import { askGateway, list, object, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Cell, type Output } from '../output.ts'
import type { Wanted } from '../session/credential.ts'

export interface ListOptions extends Wanted {
  readonly toMe?: true | undefined
  readonly mine?: true | undefined
  readonly state: string
  readonly output: Output
}

export async function listReviews(options: ListOptions, io: Io): Promise<number> {
  const to = options.toMe === true ? 'me' : options.mine === true ? 'mine' : 'all'
  const path = `/_harness/api/reviews?state=${options.state}&to=${to}`
  const found = list((await askGateway(io, options, path)).get('value'))
  show(io, options.output, {
    json: () => found,
    table: () => lines(found),
    tsv: () => found.map((one) => row(one)),
  })
  return EXIT.ok
}

function row(one: unknown): readonly Cell[] {
  const { id, state, asked, until, author, action, resource } = Object.fromEntries(object(one))
  return [id, state, asked, until, author, action, resource].map((cell) => text(cell))
}

function lines(found: readonly unknown[]): readonly string[] {
  if (found.length === 0) return ['no such reviews']
  const rows = found.map((one) => {
    const [id = '', state = '', , until = '', , action = '', resource = ''] = row(one)
    const verb = String(action).split('/').slice(1).join('/')
    return [id, state, until, verb, String(resource).split('/').slice(9).join('/')]
  })
  return tableLines(['REVIEW', 'STATE', 'UNTIL', 'DOES', 'ON'], rows)
}
