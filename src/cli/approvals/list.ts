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
  readonly since?: string | undefined
  readonly limit: number
  readonly output: Output
}

/** What to list, as the gateway's query names it. */
export interface Asked {
  readonly state: string
  readonly to?: string
  readonly since?: string | undefined
}

/**
 * Reviews, page by page.
 * @param atMost how many; the rest is not asked for
 * @returns those found, and whether there may be more
 */
export async function reviewsOf(
  asked: Asked,
  atMost: number,
  options: Wanted,
  io: Io,
): Promise<{ readonly found: readonly unknown[]; readonly more: boolean }> {
  const found: unknown[] = []
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries<string | undefined>({ ...asked }))
    if (value !== undefined) query.set(name, value)
  for (;;) {
    query.set('limit', String(Math.min(atMost - found.length, PAGE)))
    const page = await askGateway(io, options, `/_harness/api/reviews?${query.toString()}`)
    found.push(...list(page.get('value')))
    const cursor = text(page.get('cursor'))
    if (cursor === '' || found.length >= atMost) return { found, more: cursor !== '' }
    query.set('cursor', cursor)
  }
}

const PAGE = 100

export async function listReviews(options: ListOptions, io: Io): Promise<number> {
  const to = options.toMe === true ? 'me' : options.mine === true ? 'mine' : 'all'
  const { state, since, limit } = options
  const { found, more } = await reviewsOf({ state, to, since }, limit, options, io)
  if (more) io.err(`there may be more than these ${found.length}: list more with --limit`)
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
