/**
 * The list of principals, clients and tokens that are refused at once, whatever their issuer still says.
 *
 * Entra keeps what a managed identity may do for up to a day in tokens that it has already issued; this list is how
 * an operator ends one now. A line names one: `principal entra/<tid>/<oid>`, `client okta/<cid>`, `token entra/<uti>`.
 * `#` starts a comment.
 *
 * Each request waits for a look at the file that began after it arrived, so none is judged by an older list than there was
 * then. Requests that come while the file is being looked at share the next look.
 * @module
 */
import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Principal } from './principal.ts'
import type { Log } from '../lib/log.ts'
import { versionOf } from '../lib/files/file-version.ts'
import type { Pending } from '../lib/pending.ts'
import { createTurns } from '../lib/single-flight.ts'

const LINE = /^(principal|client|token)\s+([^\s/]+\/\S+)$/
const SETTLE_MS = 500

export interface DenyListOptions {
  /** Null: nothing is denied. */
  readonly file: string | null
  readonly log: Log
}

export interface DenyList {
  /** By the file as it stands now; known at once if there is none. */
  denies(principal: Principal): Pending<boolean>
  /** For somebody who is not calling, by the id alone: as the file was when the caller of now was identified. */
  deniesId(id: string): boolean
  /** Removes entries that are no longer in the file, once it is stable. Called twice a second after `start`. */
  settle(): Promise<void>
  /** Calls `listener` after each change. */
  onChange(listener: () => void): void
  /** First reading. @throws Error if the file cannot be read or has a line that cannot be understood */
  start(): void
  state(): { readonly entries: number; readonly fault: string | null }
  close(): void
}

/** `entries` are lower case: an id that differs in case only is denied too, never let through. */
interface Parsed {
  readonly entries: ReadonlySet<string>
  readonly faults: readonly number[]
}

export function createDenyList({ file, log }: DenyListOptions): DenyList {
  const listeners: (() => void)[] = []
  let entries: ReadonlySet<string> = new Set()
  /** The file's content while removed entries still count; `old` once one reading has found it unchanged. */
  let settling: { readonly entries: ReadonlySet<string>; old: boolean } | null = null
  let seen = ''
  let text: string | null = null
  let fault: string | null = null
  let timer: NodeJS.Timeout | null = null
  const inTurn = createTurns()

  function apply(now: ReadonlySet<string>): void {
    const changed = now.size !== entries.size || [...now].some((entry) => !entries.has(entry))
    entries = now
    if (changed) for (const listener of listeners) listener()
  }

  /** What the file has now. New entries count at once; nothing is removed here. */
  function take(now: string): void {
    const before = text
    text = now
    if (text === before && fault === null) return
    const parsed = parse(text)
    const [line] = parsed.faults
    fault = line === undefined ? null : `line ${line} cannot be understood`
    settling = fault === null ? { entries: parsed.entries, old: false } : null
    apply(new Set([...entries, ...parsed.entries]))
    log({ entries: entries.size, fault }, 'the deny list was read')
  }

  function cannotRead(error: unknown): void {
    if (fault === null) log({ file }, 'the deny list cannot be read: the last one stays')
    fault = error instanceof Error ? `it cannot be read: ${error.name}` : 'it cannot be read'
    seen = ''
  }

  /** Reads the file if it has changed. */
  async function readIfChanged(): Promise<void> {
    if (file === null) return
    try {
      const version = versionOf(await stat(file, { bigint: true }))
      if (version === seen) return
      const now = await readFile(file, 'utf8')
      seen = version
      take(now)
    } catch (error) {
      cannotRead(error)
    }
  }

  /** Entries are removed only when the file stayed the same between two calls: a half-written file frees nobody. */
  async function settleNow(): Promise<void> {
    const before = settling
    // two writes within one tick of the file system's clock look the same: a file that just changed is read again
    if (before !== null) seen = ''
    await readIfChanged()
    if (settling === null) return
    if (settling === before && before.old) {
      settling = null
      apply(before.entries)
    } else settling.old = true
  }

  const look = inTurn(readIfChanged)
  const settle = inTurn(settleNow)

  return {
    denies: (principal) => file !== null && look().then(() => isListed(entries, principal)),
    deniesId: (id) => isListed(entries, { id, issuer: '', client: null, tokenId: null }),
    settle,
    onChange: (listener) => {
      listeners.push(listener)
    },
    start() {
      if (file === null) return
      try {
        seen = versionOf(statSync(file, { bigint: true }))
        take(readFileSync(file, 'utf8'))
      } catch (error) {
        cannotRead(error)
      }
      if (fault !== null) throw new Error(`the deny list: ${fault}`)
      timer = setInterval(() => void settle(), SETTLE_MS)
      timer.unref()
    },
    state: () => ({ entries: entries.size, fault }),
    close: () => {
      if (timer !== null) clearInterval(timer)
    },
  }
}

type Named = Pick<Principal, 'id' | 'issuer' | 'client' | 'tokenId'>

function isListed(entries: ReadonlySet<string>, { id, issuer, client, tokenId }: Named): boolean {
  if (entries.size === 0) return false
  return (
    entries.has(`principal ${id.toLowerCase()}`) ||
    (client !== null && entries.has(`client ${issuer}/${client.toLowerCase()}`)) ||
    (tokenId !== null && entries.has(`token ${issuer}/${tokenId.toLowerCase()}`))
  )
}

function parse(text: string): Parsed {
  const entries = new Set<string>()
  const faults: number[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.replace(/(^|\s)#.*$/, '').trim()
    if (content === '') continue
    const [, kind = '', id = ''] = LINE.exec(content) ?? []
    if (kind === '') faults.push(index + 1)
    else entries.add(`${kind} ${id.toLowerCase()}`)
  }
  return { entries, faults }
}
