/**
 * What callers send about grants: a request, an extension, a verdict, each read from the body of a POST.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { fieldsOf, isObject } from '../../lib/strict-json.ts'
import type { Uid } from '../../policy/load/conditions.ts'
import { readLength } from '../../policy/load/period.ts'

const MAX_TEXT = 500
const TICKET = /^[!-~]{1,100}$/u
const GRANTEE = /^(User|Service)::"([^"\\]{1,512})"$/u
const VERDICTS = ['approve', 'deny', 'end'] as const

/** A request as it is asked for. */
export interface Asked {
  /** What follows "why" in a refusal, or its link: the role and the place are those that it needs. */
  readonly refusal: string | null
  readonly template: string | null
  /** An ARM id, or a name. */
  readonly resource: string | null
  /** Milliseconds; null for what is usual. */
  readonly length: number | null
  readonly reason: string
  readonly ticket: string | null
  /** Who gets it; null for whoever asks. */
  readonly to: Uid | null
}

/** @throws {Refusal} `bad_body` */
export function readRequest(body: unknown): Asked {
  const form = 'send {"template": "...", "resource": "...", "for": "8h", "reason": "..."}'
  const names = ['refusal', 'template', 'resource', 'for', 'reason', 'ticket', 'to']
  const { text, bad } = reader(body, names, form)
  const refusal = text('refusal', 4_096)
  const template = text('template', 64)
  const resource = text('resource', 1_024)
  if ((refusal === null) === (template === null && resource === null))
    throw bad('needs either "refusal", or "template" and "resource"')
  if (refusal === null && (template === null || resource === null))
    throw bad(`has no "${template === null ? 'template' : 'resource'}"`)
  const ticket = text('ticket', 100)
  if (ticket !== null && !TICKET.test(ticket))
    throw bad('has a "ticket" that is no word of at most 100 characters')
  const to = text('to', 600)
  const [, type = '', id = ''] = GRANTEE.exec(to ?? '') ?? []
  if (to !== null && id === '')
    throw bad('has a "to" that is no person and no service, as User::"..."')
  return {
    refusal,
    template,
    resource,
    length: lengthIn(text('for', 16), bad),
    reason: reasonIn(text('reason', MAX_TEXT), bad),
    ticket,
    to: to === null ? null : { type, id },
  }
}

/** An extension: how much longer, in milliseconds, and why. @throws {Refusal} `bad_body` */
export function readExtension(body: unknown): {
  readonly length: number
  readonly reason: string
} {
  const { text, bad } = reader(body, ['for', 'reason'], 'send {"for": "2h", "reason": "..."}')
  const length = lengthIn(text('for', 16), bad)
  if (length === null) throw bad('has no "for"')
  return { length, reason: reasonIn(text('reason', MAX_TEXT), bad) }
}

export interface Said {
  readonly verdict: (typeof VERDICTS)[number]
  readonly shownDigest: string | null
  readonly comment: string | null
}

/** @throws {Refusal} `bad_body` */
export function readVerdict(body: unknown): Said {
  const form = 'send {"verdict": "approve", "shownDigest": "...", "comment": "..."}'
  const { text, bad } = reader(body, ['verdict', 'shownDigest', 'comment'], form)
  const word = text('verdict', 16)
  const verdict = VERDICTS.find((one) => one === word)
  if (verdict === undefined) throw bad(`has a "verdict" that is none of ${VERDICTS.join(', ')}`)
  return { verdict, shownDigest: text('shownDigest', 64), comment: text('comment', MAX_TEXT) }
}

interface Reader {
  /** One line of text, without space around it; null if it is not there. */
  readonly text: (name: string, most: number) => string | null
  readonly bad: Bad
}
type Bad = (what: string) => Refusal

function reader(body: unknown, names: readonly string[], remedy: string): Reader {
  const bad: Bad = (what) => new Refusal('bad_body', `the body ${what}`, { remedy })
  if (!isObject(body)) throw bad('is no JSON object')
  const fields = fieldsOf(body)
  if ([...fields.keys()].some((name) => !names.includes(name)))
    throw bad('has a member that is none of its own')
  return {
    bad,
    text(name, most) {
      const value = fields.get(name) ?? null
      if (value === null) return null
      const isLine =
        typeof value === 'string' && value.trim() !== '' && !/\p{Cc}|\p{Cf}/u.test(value)
      if (!isLine || value.length > most)
        throw bad(`has a "${name}" that is no line of at most ${most} characters`)
      return value.trim()
    },
  }
}

function lengthIn(text: string | null, bad: Bad): number | null {
  const length = text === null ? null : readLength(text)
  if (text !== null && (length === null || length === 0))
    throw bad('has a "for" that is no time like 30m, 8h or 7d')
  return length
}

function reasonIn(text: string | null, bad: Bad): string {
  if (text === null) throw bad('has no "reason"')
  return text
}
