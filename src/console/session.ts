/**
 * Who is signed in, as the browser keeps it: the verified principal, and never a token.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import { cookie, cookieIn, MAX_COOKIE_VALUE, SESSION_COOKIE } from './cookies.ts'
import type { Seals } from './sealed.ts'

const MAX_SECONDS = 3_600
const VERSION = 1

const Texts = Type.Array(Type.String())
const OrNull = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Number>>(
  one: T,
) => Type.Union([one, Type.Null()])

const Kept = Type.Object(
  {
    v: Type.Literal(VERSION),
    /** Of this session, so that two of one person differ. */
    id: Type.String(),
    /** Seconds since the epoch. */
    begun: Type.Number(),
    ends: Type.Number(),
    /** Of the policies by which groups were left out; null if all of them are here. */
    policies: Type.Union([Type.String(), Type.Null()]),
    principal: Type.Object(
      {
        kind: Type.Literal('user'),
        id: Type.String(),
        issuer: Type.String(),
        tenant: OrNull(Type.String()),
        client: OrNull(Type.String()),
        groups: Texts,
        roles: Texts,
        scopes: Texts,
        resourceId: Type.Null(),
        workspace: Type.Null(),
        methods: Texts,
        issuedAt: Type.Number(),
        expiresAt: Type.Number(),
        authenticatedAt: OrNull(Type.Number()),
        tokenId: OrNull(Type.String()),
        challengeable: Type.Boolean(),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

/** A session that holds. Times in seconds since the epoch. */
export type Session = Static<typeof Kept>

export type Opened =
  | { readonly state: 'signed-in'; readonly session: Session }
  /** It was one, and its time is over: whose it was is known, and nothing is served for it. */
  | { readonly state: 'over'; readonly issuer: string }
  | { readonly state: 'none' }

export interface Sessions {
  /**
   * The cookie of a new session; it ends with the token that it was made of, after an hour at most.
   * @throws Refusal `insufficient_scope` for who is no person, or has more groups than a cookie holds
   */
  readonly begin: (principal: Principal) => Promise<string>
  /** Whatever is no cookie of this gateway's is none at all. */
  readonly open: (cookieHeader: string | undefined) => Promise<Opened>
  /** The cookie that takes a session away. */
  readonly end: () => string
}

export interface SessionOptions {
  readonly seals: Pick<Seals, 'seal' | 'open'>
  /** Groups of a principal that some policy names. */
  readonly countingGroups: (principal: Principal) => readonly string[]
  readonly policyVersion: () => string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function createSessions(options: SessionOptions): Sessions {
  const { seals, countingGroups, policyVersion, now } = options
  return {
    async begin(principal) {
      const { kind, expiresAt } = principal
      if (kind !== 'user')
        throw new Refusal('insufficient_scope', 'the console is for people', {
          remedy: 'programs use the API (/_harness/whoami, /_harness/api)',
        })
      const begun = Math.floor(now() / 1_000)
      const ends = Math.min(expiresAt, begun + MAX_SECONDS)
      const id = randomBytes(16).toString('base64url')
      const person = { ...principal, resourceId: null, workspace: null }
      const whole = { v: VERSION, id, begun, ends, policies: null, principal: person }
      let value = await seals.seal('session', whole)
      if (value.length > MAX_COOKIE_VALUE) {
        const counting = { ...person, groups: countingGroups(principal) }
        value = await seals.seal('session', {
          ...whole,
          policies: policyVersion(),
          principal: counting,
        })
      }
      // cut, it would be somebody with fewer groups, and perhaps outside of one that is forbidden something
      if (value.length > MAX_COOKIE_VALUE)
        throw new Refusal('insufficient_scope', 'you have more groups than a browser can keep', {
          remedy: 'use the command line, or ask for policies that name fewer of your groups',
        })
      return cookie(SESSION_COOKIE, value, Math.max(1, ends - begun) + REMEMBERED_SECONDS)
    },
    async open(header) {
      const value = cookieIn(header, SESSION_COOKIE)
      const session = value === null ? undefined : await seals.open('session', value)
      if (!Value.Check(Kept, session)) return { state: 'none' }
      const seconds = now() / 1_000
      // other policies may name a group that was left out
      const isStale = session.policies !== null && session.policies !== policyVersion()
      if (seconds >= session.ends || isStale)
        return { state: 'over', issuer: session.principal.issuer }
      return { state: 'signed-in', session }
    },
    end: () => cookie(SESSION_COOKIE, '', 0),
  }
}

/** For how long a browser keeps the cookie of a session that is over: it says at which issuer to sign in again. */
const REMEMBERED_SECONDS = 8 * 3_600
