/**
 * The list of principals, clients and tokens that are refused at once, whatever their issuer still says.
 *
 * Entra keeps what a managed identity may do for up to a day in tokens that it has already issued; this list is how
 * an operator ends one now. A line names one: `principal entra/<tid>/<oid>`, `client okta/<cid>`, `token entra/<uti>`.
 * `#` starts a comment.
 *
 * Each request checks synchronously whether the file has changed: one `stat` of a local file costs two microseconds, and
 * no request that arrives after a name was written is judged by an older list.
 * @module
 */
import { readFileSync, statSync } from 'node:fs'
import type { Principal } from './principal.ts'
import type { Log } from '../lib/log.ts'
import { versionOf } from '../lib/file-version.ts'

const LINE = /^(principal|client|token)\s+([^\s/]+\/\S+)$/
const SETTLE_MS = 500

export interface DenyListOptions {
  /** Null: nothing is denied. */
  readonly file: string | null
  readonly log: Log
}

export interface DenyList {
  /** By the file as it stands now. */
  denies(principal: Principal): boolean
  /** The same for somebody who is not calling: by the id alone. */
  deniesId(id: string): boolean
  /** Removes entries that are no longer in the file, once it is stable. Called twice a second after `start`. */
  settle(): void
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

  function apply(next: ReadonlySet<string>): void {
    const changed = next.size !== entries.size || [...next].some((entry) => !entries.has(entry))
    entries = next
    if (changed) for (const listener of listeners) listener()
  }

  /** Reads the file if it has changed. New entries count at once; nothing is removed here. */
  function readIfChanged(): void {
    if (file === null) return
    try {
      const version = versionOf(statSync(file, { bigint: true }))
      if (version === seen) return
      const before = text
      text = readFileSync(file, 'utf8')
      seen = version
      if (text === before && fault === null) return
      const parsed = parse(text)
      const [line] = parsed.faults
      fault = line === undefined ? null : `line ${line} cannot be understood`
      settling = fault === null ? { entries: parsed.entries, old: false } : null
      apply(new Set([...entries, ...parsed.entries]))
      log({ entries: entries.size, fault }, 'the deny list was read')
    } catch (error) {
      if (fault === null) log({ file }, 'the deny list cannot be read: the last one stays')
      fault = error instanceof Error ? `it cannot be read: ${error.name}` : 'it cannot be read'
      seen = ''
    }
  }

  /** Entries are removed only when the file stayed the same between two calls: a half-written file frees nobody. */
  function settle(): void {
    const before = settling
    // two writes within one tick of the file system's clock look the same: a file that just changed is read again
    if (before !== null) seen = ''
    readIfChanged()
    if (settling === null) return
    if (settling === before && before.old) {
      settling = null
      apply(before.entries)
    } else settling.old = true
  }

  return {
    denies(principal) {
      readIfChanged()
      if (entries.size === 0) return false
      const { id, issuer, client, tokenId } = principal
      return (
        entries.has(`principal ${id.toLowerCase()}`) ||
        (client !== null && entries.has(`client ${issuer}/${client.toLowerCase()}`)) ||
        (tokenId !== null && entries.has(`token ${issuer}/${tokenId.toLowerCase()}`))
      )
    },
    deniesId(id) {
      readIfChanged()
      return entries.has(`principal ${id.toLowerCase()}`)
    },
    settle,
    onChange: (listener) => {
      listeners.push(listener)
    },
    start() {
      readIfChanged()
      if (fault !== null) throw new Error(`the deny list: ${fault}`)
      if (file === null) return
      timer = setInterval(settle, SETTLE_MS)
      timer.unref()
    },
    state: () => ({ entries: entries.size, fault }),
    close: () => {
      if (timer !== null) clearInterval(timer)
    },
  }
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
