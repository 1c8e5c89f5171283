/**
 * Where the next page of records begins, as text that means something to this gateway alone.
 *
 * It is encrypted, because places in a source tell how much is recorded of others; and it holds only for the caller and
 * the query that it was given for.
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { Refusal } from '../errors.ts'

/** A place in a source, and the times that the first page was asked for with. */
export interface PagePlace {
  readonly from: string
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly until: number
}

/** For whom and for which query. */
export interface PageFor {
  readonly principal: string
  /** What is asked for, in one form. */
  readonly query: string
}

export interface PageTokens {
  readonly issue: (place: PagePlace, asked: PageFor) => string
  /** @throws Refusal `bad_query` for what this gateway did not write for this caller and query, and for what has expired */
  readonly read: (text: string, asked: PageFor) => PagePlace
}

const LIFETIME_MS = 3_600_000
const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16
const FORM = /^[\w-]{40,2000}$/u

const boundTo = ({ principal, query }: PageFor): Buffer =>
  Buffer.from(JSON.stringify([principal, query]))

/**
 * @param key the same on every replica
 * @param now milliseconds since the epoch
 */
export function createPageTokens(key: Buffer, now: () => number): PageTokens {
  // not the key of anything else
  const own = createHmac('sha256', key).update('azureml-harness page of records').digest()
  function decrypted(text: string, asked: PageFor): string | null {
    if (!FORM.test(text)) return null
    const bytes = Buffer.from(text, 'base64url')
    // one text a token: base64 has spare bits at its end
    if (bytes.toString('base64url') !== text || bytes.length <= IV_BYTES + TAG_BYTES) return null
    const decipher = createDecipheriv(CIPHER, own, bytes.subarray(0, IV_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(boundTo(asked))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    try {
      const begin = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8')
      return begin + decipher.final('utf8')
    } catch {
      return null
    }
  }

  return {
    issue({ from, since, until }, asked) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv(CIPHER, own, iv, { authTagLength: TAG_BYTES })
      cipher.setAAD(boundTo(asked))
      const text = JSON.stringify([now() + LIFETIME_MS, since, until, from])
      const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64url')
    },
    read(text, asked) {
      const json = decrypted(text, asked)
      const parts: unknown = json === null ? null : JSON.parse(json)
      const [expires, since, until, from] = Array.isArray(parts) ? (parts as unknown[]) : []
      if (
        typeof expires !== 'number' ||
        typeof since !== 'number' ||
        typeof until !== 'number' ||
        typeof from !== 'string' ||
        expires <= now()
      )
        throw new Refusal('bad_query', '"page" is not one that you were given for this query', {
          remedy: 'begin again without it',
        })
      return { from, since, until }
    },
  }
}
