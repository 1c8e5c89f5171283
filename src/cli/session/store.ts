/**
 * Sessions on disk: one a gateway, the last one used being the default.
 * @module
 */
import { join } from 'node:path'
import { isProfileName } from '../../vocabulary/profiles.ts'
import { Problem } from '../problem.ts'
import { readPrivate, writePrivate } from './home.ts'
import type { Registration, Tokens } from '../sign-in/issuer.ts'

/** A person's sign-in at a gateway. */
export interface Session extends Registration, Tokens {
  /** The gateway's origin. */
  readonly gateway: string
  /** Certificates to trust besides the usual ones. */
  readonly caFile: string | null
}

/** All of them; the last is the default. */
export type Sessions = readonly Session[]

const FILE = 'sessions.json'
const TEXTS = ['gateway', 'issuer', 'clientId', 'accessToken'] as const
const OPTIONAL = ['caFile', 'refreshToken', 'who'] as const

/** @throws Problem if the file is open to others or is not what it should be */
export async function readSessions(home: string): Promise<Sessions> {
  const path = join(home, FILE)
  const text = await readPrivate(path)
  if (text === null) return []
  const broken = (): Problem =>
    new Problem(`"${path}" is damaged`, 'remove it, and sign in again: azureml-harness login')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // the parser's message quotes what it read, which here is a token: it goes nowhere
    throw broken()
  }
  if (!Array.isArray(value) || !value.every(isSession)) throw broken()
  return value
}

/** Call it under the lock. */
export async function writeSessions(home: string, sessions: Sessions): Promise<void> {
  await writePrivate(join(home, FILE), `${JSON.stringify(sessions, null, 1)}\n`)
}

/** The session of a gateway, or the default one. */
export function findSession(sessions: Sessions, gateway: string | null): Session | null {
  return (
    (gateway === null ? sessions : sessions.filter((one) => one.gateway === gateway)).at(-1) ?? null
  )
}

/** Puts a session in place of the one of the same gateway; it becomes the default if `asDefault`. */
export function replaceSession(sessions: Sessions, session: Session, asDefault: boolean): Sessions {
  if (!asDefault) return sessions.map((one) => (one.gateway === session.gateway ? session : one))
  return [...sessions.filter((one) => one.gateway !== session.gateway), session]
}

function isSession(value: unknown): value is Session {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  const scopes = fields.get('scopes')
  return (
    TEXTS.every((name) => typeof fields.get(name) === 'string') &&
    OPTIONAL.every((name) => fields.get(name) === null || typeof fields.get(name) === 'string') &&
    isProfileName(fields.get('profile')) &&
    Number.isSafeInteger(fields.get('expiresAt')) &&
    Array.isArray(scopes) &&
    scopes.every((scope) => typeof scope === 'string')
  )
}
