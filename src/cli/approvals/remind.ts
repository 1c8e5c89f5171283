/**
 * `approvals remind`: tells the channels of a review again.
 * @module
 */
import { askGateway } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import type { Wanted } from '../session/credential.ts'
import { MISSING, pathOfReview } from './show.ts'

export async function remindOf(id: string, options: Wanted, io: Io): Promise<number> {
  await askGateway(io, options, `${pathOfReview(id)}/reminders`, { body: {}, ifMissing: MISSING })
  io.out('its channels are told again')
  return EXIT.ok
}
