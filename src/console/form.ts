/**
 * Forms: whether the person at the browser sent one from a page of this console, and what it says.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'
import type { Seals } from './sealed.ts'

/** Of the fields of a form, the one that its page put there. */
export const TOKEN_FIELD = 'form_token'

const MAX_BYTES = 65_536
const MAX_FIELDS = 50
const LIFETIME_SECONDS = 12 * 3_600
const MEDIA_TYPE = /^application\/x-www-form-urlencoded(?:\s*;\s*charset=utf-8)?\s*$/iu

export type Fields = ReadonlyMap<string, string>

/**
 * Whether a form was sent from a page of this origin, as browsers say it and scripts cannot.
 * @throws Refusal `cross_site_request`
 */
export function checkOrigin({ headers }: IncomingMessage, publicUrl: string): void {
  if (headers.origin === publicUrl && headers['sec-fetch-site'] === 'same-origin') return
  throw crossSite('it was not sent from a page of this gateway')
}

export interface FormTokens {
  /** For a form of one person that is sent to one path. */
  readonly issue: (principalId: string, path: string) => string
  /** @throws Refusal `cross_site_request` */
  readonly check: (principalId: string, path: string, fields: Fields) => void
}

/** @param now milliseconds since the epoch */
export function createFormTokens(
  { sign, isSigned }: Pick<Seals, 'sign' | 'isSigned'>,
  now: () => number,
): FormTokens {
  return {
    issue(principalId, path) {
      const seconds = Math.floor(now() / 1_000).toString(36)
      return `${seconds}.${sign(textOf(principalId, path, seconds))}`
    },
    check(principalId, path, fields) {
      const [, seconds = '', signature = ''] =
        /^([0-9a-z]{1,9})\.([\w-]{43})$/u.exec(fields.get(TOKEN_FIELD) ?? '') ?? []
      const age = now() / 1_000 - Number.parseInt(seconds, 36)
      const isOurs = isSigned(textOf(principalId, path, seconds), signature)
      if (isOurs && age < LIFETIME_SECONDS) return
      throw crossSite('it is not a form that this gateway gave you, or it is too old')
    },
  }
}

const textOf = (principalId: string, path: string, seconds: string): string =>
  JSON.stringify([principalId, path, seconds])

function crossSite(why: string): Refusal {
  return new Refusal('cross_site_request', `the form was refused: ${why}`, {
    remedy: 'open the page again and send its form',
  })
}

/** The fields of a form, each of them once. @throws Refusal `unsupported_media_type`, `body_too_large`, `bad_body` */
export async function readForm(request: IncomingMessage): Promise<Fields> {
  if (!MEDIA_TYPE.test(request.headers['content-type'] ?? ''))
    throw new Refusal('unsupported_media_type', 'a form is sent as pages send it')
  if (request.headers['content-encoding'] !== undefined)
    throw new Refusal('unsupported_media_type', 'a form must not be compressed')
  const text = await textIn(request)
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) throw new Refusal('bad_body', 'a field of the form is there twice')
    // browsers send line breaks as CR LF (WHATWG HTML, "newline normalization")
    fields.set(name, value.replaceAll('\r\n', '\n'))
  }
  if (fields.size > MAX_FIELDS) throw new Refusal('bad_body', 'the form has too many fields')
  return fields
}

async function textIn(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const bytes: unknown = chunk
    if (!Buffer.isBuffer(bytes)) throw new TypeError('a body is bytes')
    size += bytes.byteLength
    if (size > MAX_BYTES)
      throw new Refusal('body_too_large', `a form has at most ${MAX_BYTES} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}
