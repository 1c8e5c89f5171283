/**
 * What really arrived: every request that reached a part of the lab, in order.
 * @module
 */
import type { IncomingMessage } from 'node:http'

/** Bodies up to this size are kept as text, so that tests can look for what must not be there. */
export const KEPT_BODY_BYTES = 65_536
const MAX_ENTRIES = 100_000
const MAX_TOKENS = 100

/** One request as it arrived. `body*` are filled in once the body has been read to its end. */
export interface Entry {
  readonly n: number
  /** Which part of the lab: `arm`, `data-plane`, `entra`, ... */
  readonly part: string
  readonly time: string
  readonly method: string
  /** The request target, byte for byte. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Name, value, name, value, ... as on the wire: shows what `headers` has merged or dropped. */
  readonly rawHeaders: readonly string[]
  /** Claims of the bearer token, unverified. */
  readonly claims: Readonly<Record<string, unknown>> | null
  bodyBytes: number
  bodySha256: string | null
  /** The body as text, if it is not longer than 64 KiB. */
  body: string | null
  /** Status that the lab answered; null if it has not answered (yet), or cut the connection. */
  status: number | null
  /** Bytes of a streamed answer that have been handed to the connection so far. */
  sentBytes: number
}

export interface Journal {
  add(part: string, request: IncomingMessage): Entry
  entries(): readonly Entry[]
  clear(): void
}

function bearerClaims(authorization: string): Readonly<Record<string, unknown>> | null {
  const payload = /^bearer\s+[^.]+\.([^.]+)\./i.exec(authorization)?.[1]
  if (payload === undefined) return null
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>
  } catch {
    return null
  }
}

/** Keeps the newest 100,000 requests. */
export function createJournal(): Journal {
  let entries: Entry[] = []
  let n = 0
  // a gateway sends the same few tokens over and over: each is decoded, and kept, once
  const decoded = new Map<string, { readonly text: string; readonly claims: Entry['claims'] }>()

  function decode(authorization: string): { text: string; claims: Entry['claims'] } {
    const known = decoded.get(authorization)
    if (known !== undefined) return known
    if (decoded.size >= MAX_TOKENS) decoded.clear()
    const fresh = { text: authorization, claims: bearerClaims(authorization) }
    decoded.set(authorization, fresh)
    return fresh
  }

  return {
    add(part, request) {
      const headers: Record<string, string | readonly string[]> = {}
      for (const [name, value] of Object.entries(request.headers)) {
        if (value !== undefined) headers[name] = value
      }
      const { authorization } = request.headers
      const token = authorization === undefined ? null : decode(authorization)
      if (token !== null) headers['authorization'] = token.text
      const entry: Entry = {
        n: n++,
        part,
        time: new Date().toISOString(),
        method: request.method ?? '',
        url: request.url ?? '',
        headers,
        rawHeaders: request.rawHeaders.map((one) => (one === token?.text ? token.text : one)),
        claims: token?.claims ?? null,
        bodyBytes: 0,
        bodySha256: null,
        body: null,
        status: null,
        sentBytes: 0,
      }
      entries.push(entry)
      if (entries.length > MAX_ENTRIES) entries = entries.slice(MAX_ENTRIES / 10)
      return entry
    },
    entries: () => entries,
    clear() {
      entries = []
    },
  }
}
