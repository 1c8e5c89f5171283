/**
 * Azure Resource Manager as the workspace commands read it: documents and whole lists, and why there is none.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ArmError, armFetch, type WaitFor } from '../../doctor/arm.ts'
import type { ArmFetch } from '../../policy/review/drift.ts'
import { pages } from '../../policy/review/drift.ts'
import { fieldsOf, type Members } from '../../lib/strict-json.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'

/** What is not waited for: a check that takes so long is none. */
const MAX_WAIT_SECONDS = 120
/** Waits of one command in all. */
const MAX_WAITS = 100

/** What could not be read, why, and what would let the asker read it. */
export class Unread extends Error {
  override readonly name = 'Unread'
  /** The RBAC action that is missing; null if another one would not help. */
  readonly permission: string | null
  readonly scope: string

  constructor(why: string, permission: string | null, scope: string) {
    super(why)
    this.permission = permission
    this.scope = scope
  }
}

/** What is read: an id with its api-version, and the RBAC action that reading it needs. */
export interface Asked {
  /** ARM id, or a collection of it. */
  readonly id: string
  readonly apiVersion: string
  readonly permission: string
}

export interface Azure {
  /** Null: there is none. @throws Unread */
  readonly get: (asked: Asked) => Promise<Members | null>
  /** All pages. @throws Unread, also if what the list is of does not exist */
  readonly list: (asked: Asked) => Promise<readonly Members[]>
  /** As it comes, for who reads errors. */
  readonly fetch: ArmFetch
}

async function read<T>(asked: Asked, how: (url: string) => Promise<T>): Promise<T> {
  try {
    return await how(`${asked.id}?api-version=${asked.apiVersion}`)
  } catch (error) {
    throw unread(error, asked)
  }
}

/** @param origin of Resource Manager */
export function createAzure(origin: string, tokens: readonly string[], io: Io): Azure {
  const fetch = armFetch(origin, tokens, waiting(io))
  return {
    fetch,
    async get(asked) {
      try {
        return await read(asked, async (url) => fieldsOf(await fetch(url)))
      } catch (error) {
        if (error instanceof Unread && error.message === 'status 404') return null
        throw error
      }
    },
    list: (asked) => read(asked, (url) => pages(fetch, url)),
  }
}

/** An error of `ArmFetch` as what could not be read. */
export function unread(error: unknown, { id, permission }: Omit<Asked, 'apiVersion'>): Unread {
  const status = error instanceof ArmError ? error.status : null
  const refused = status === 401 || status === 403
  const why = error instanceof Error ? error.message : 'failed'
  return new Unread(why, refused ? permission : null, id)
}

/** For a command that cannot go on without what could not be read. */
export function problemOf({ message, permission, scope }: Unread): Problem {
  const next =
    permission === null
      ? 'try again; if it stays, open it in the portal'
      : `give who asks the action ${permission} on ${scope}: the role Reader has it`
  return new Problem(`${scope} cannot be read: ${message}`, next)
}

/** Waits when Azure says so, and tells the person. */
function waiting({ err }: Io): WaitFor {
  let waits = 0
  return async (seconds) => {
    waits += 1
    if (seconds > MAX_WAIT_SECONDS || waits > MAX_WAITS) return false
    err(`Azure has no room for more calls: waits ${Math.ceil(seconds)} s, as it asks`)
    await sleep(seconds * 1_000)
    return true
  }
}
