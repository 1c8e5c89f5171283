/**
 * `access approve`, `deny`, `end` and `extend`: verdicts on what the grant shows, and more time.
 * @module
 */
import { askGateway, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { lengthOf } from './ask.ts'
import { MISSING, pathOfGrant, printGrant, statusOf, type ShowOptions } from './show.ts'

export async function decide(
  verdict: 'approve' | 'deny' | 'end',
  id: string,
  options: ShowOptions & { readonly comment?: string | undefined },
  io: Io,
): Promise<number> {
  const { comment, output } = options
  const path = pathOfGrant(id)
  const asking = { ifMissing: MISSING }
  const shown = await askGateway(io, options, path, asking)
  const body = {
    verdict,
    shownDigest: text(shown.get('shownDigest')),
    ...(comment === undefined ? {} : { comment }),
  }
  const after = await askGateway(io, options, `${path}/verdicts`, { ...asking, body })
  printGrant(after, output, io)
  return EXIT.ok
}

export async function extend(
  id: string,
  options: ShowOptions & { readonly for: string; readonly reason: string },
  io: Io,
): Promise<number> {
  const body = { for: lengthOf(options.for), reason: options.reason }
  const path = `${pathOfGrant(id)}/extensions`
  const after = await askGateway(io, options, path, { body, ifMissing: MISSING })
  printGrant(after, options.output, io)
  return statusOf(after)
}
