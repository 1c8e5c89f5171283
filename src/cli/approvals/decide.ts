/**
 * `approvals approve`, `reject`, `comment` and `withdraw`: verdicts, on what the review shows.
 * @module
 */
import { askGateway, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { MISSING, pathOfReview, printReview, type ShowOptions } from './show.ts'

export interface DecideOptions extends ShowOptions {
  readonly comment?: string | undefined
  readonly ticket?: string | undefined
}

export async function decide(
  verdict: 'approve' | 'reject' | 'comment' | 'withdraw' | 'override',
  id: string,
  options: DecideOptions,
  io: Io,
): Promise<number> {
  const { comment, ticket } = options
  if (comment === undefined && (verdict === 'comment' || verdict === 'reject'))
    throw new UsageError(`${verdict} needs --comment: its author is told why`)
  const path = pathOfReview(id)
  const asking = { ifMissing: MISSING }
  const shown = await askGateway(io, options, path, asking)
  const body = {
    verdict,
    shownDigest: text(shown.get('shownDigest')),
    ...(comment === undefined ? {} : { comment }),
    ...(ticket === undefined ? {} : { ticket }),
  }
  const after = await askGateway(io, options, `${path}/verdicts`, { ...asking, body })
  printReview(after, options.output, io)
  return EXIT.ok
}
