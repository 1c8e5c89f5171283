/**
 * Answers that policy judges before anybody sees them: held whole, then passed on as what the caller may read of them.
 * @module
 */
import { Refusal } from '../errors.ts'
import { answerOf, readUpTo, type UpstreamAnswer } from './answer-body.ts'

/** What of an answer may pass, the same buffer if all of it; throws the refusal if nothing may. */
export type Screen = (body: Buffer) => Promise<Buffer>

/**
 * The answer as it may pass.
 * @param hold told of its bytes before they are kept
 * @throws {Refusal} what the screen and `hold` throw, or `upstream_bad_answer` for an answer that cannot be judged
 */
export async function screened(
  answer: UpstreamAnswer,
  screen: Screen,
  limit: number,
  hold: (bytes: number) => void,
): Promise<UpstreamAnswer> {
  if (answer.statusCode === 204) return answer
  const type = answer.headers['content-type']
  // a 206 has only a part of a document
  if (
    answer.statusCode > 201 ||
    typeof type !== 'string' ||
    !/^application\/([\w.+-]+\+)?json\b/i.test(type) ||
    answer.headers['content-encoding'] !== undefined
  ) {
    throw new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge')
  }
  if (answer.whole !== null) hold(answer.whole.byteLength)
  const whole = answer.whole ?? (await readUpTo(answer.stream, limit, hold))
  if (whole === null || whole.byteLength > limit) {
    throw new Refusal(
      'upstream_bad_answer',
      `the answer is larger than ${limit} bytes, which policy may read`,
      {
        remedy: 'ask for smaller pages, or for an operator to raise limits.answerBytes',
      },
    )
  }
  const body = await screen(whole)
  const { etag, 'content-md5': digest, ...headers } = answer.headers
  // both describe the bytes that Azure sent
  const kept = body === whole ? { etag, 'content-md5': digest } : {}
  const length = String(body.byteLength)
  return answerOf(answer.statusCode, { ...headers, ...kept, 'content-length': length }, body, true)
}
