/**
 * What a verdict says: the body of `POST .../verdicts`, read.
 * @module
 */
import { Refusal } from '../errors.ts'
import { fieldsOf, isObject } from '../lib/strict-json.ts'

const VERDICTS = ['approve', 'reject', 'comment', 'withdraw', 'override'] as const
type Word = (typeof VERDICTS)[number]
const MAX_COMMENT = 4_096
const TICKET = /^[!-~]{1,100}$/u

export interface Asked {
  readonly verdict: Word
  readonly shownDigest: string | null
  readonly comment: string | null
  readonly ticket: string | null
}

/** @throws {Refusal} `bad_body` */
export function readVerdict(body: unknown): Asked {
  const fields = fieldsOf(body)
  const unknown = [...fields.keys()].find(
    (name) => !['verdict', 'shownDigest', 'comment', 'ticket'].includes(name),
  )
  const word = fields.get('verdict')
  const verdict = VERDICTS.find((one) => one === word)
  const shownDigest = fields.get('shownDigest') ?? null
  const comment = fields.get('comment') ?? null
  const ticket = fields.get('ticket') ?? null
  if (!isObject(body)) throw bad('is no JSON object')
  if (unknown !== undefined) throw bad(`has a member that is none of its own`)
  if (verdict === undefined) throw bad(`has a "verdict" that is none of ${VERDICTS.join(', ')}`)
  if (shownDigest !== null && typeof shownDigest !== 'string')
    throw bad('has a "shownDigest" that is no text')
  if (comment !== null && !isComment(comment))
    throw bad(`has a "comment" that is no text of at most ${MAX_COMMENT} characters`)
  if (verdict === 'comment' && comment === null) throw bad('has no "comment"')
  if (ticket !== null && (typeof ticket !== 'string' || !TICKET.test(ticket)))
    throw bad('has a "ticket" that is no word of at most 100 characters')
  if (verdict !== 'override' && ticket !== null)
    throw bad('has a "ticket": only overrides have one')
  if (verdict === 'override' && (comment === null || ticket === null))
    throw bad('has no "comment" or no "ticket": an override needs both')
  return { verdict, shownDigest, comment, ticket }
}

function isComment(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_COMMENT
}

function bad(what: string): Refusal {
  return new Refusal('bad_body', `the body ${what}`, {
    remedy: 'send {"verdict": "approve", "shownDigest": "...", "comment": "..."}',
  })
}
