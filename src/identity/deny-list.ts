/**
 * The list of principals, clients and tokens that are refused at once, whatever their issuer still says.
 *
 * Entra keeps what a managed identity may do for up to a day in tokens that it has already issued; this list is how
 * an operator ends one now. A line names one: `principal entra/<tid>/<oid>`, `client okta/<cid>`, `token entra/<uti>`.
 * `#` starts a comment.
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import type { Principal } from './principal.ts'

const LINE = /^(principal|client|token)\s+([^\s/]+\/\S+)$/
const POLL_MS = 500

export interface DenyListOptions {
  /** Null: nothing is denied. */
  readonly file: string | null
  readonly log: (fields: Record<string, unknown>, message: string) => void
}

export interface DenyList {
  denies(principal: Principal): boolean
  /** Reads the file again, if it changed. Called twice a second once started. */
  reload(): Promise<void>
  /** Calls `listener` after each change. */
  onChange(listener: () => void): void
  /** First reading. @throws Error if the file cannot be read or has a line that cannot be understood */
  start(): Promise<void>
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
  let settling: ReadonlySet<string> | null = null
  let queue = Promise.resolve()
  let seen = ''
  let fault: string | null = null
  let timer: NodeJS.Timeout | null = null

  function apply(next: ReadonlySet<string>): void {
    const changed = next.size !== entries.size || [...next].some((entry) => !entries.has(entry))
    entries = next
    if (changed) for (const listener of listeners) listener()
  }

  /**
   * What is new counts at once; what is gone counts when the file has not changed until the next look, so that a
   * file that is being written lets nobody back in. With a fault nothing is taken from the list at all.
   */
  async function read(path: string): Promise<void> {
    try {
      // Size and times to the nanosecond, and the inode: a ConfigMap is replaced by a rename
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
      const version = `${ino}:${size}:${mtimeNs}:${ctimeNs}`
      if (version === seen) {
        if (settling !== null) apply(settling)
        settling = null
        return
      }
      const parsed = parse(await readFile(path, 'utf8'))
      seen = version
      const [line] = parsed.faults
      fault = line === undefined ? null : `line ${line} cannot be understood`
      settling = fault === null ? parsed.entries : null
      apply(new Set([...entries, ...parsed.entries]))
      log({ entries: entries.size, fault }, 'the deny list was read')
    } catch (error) {
      if (fault === null) log({ file }, 'the deny list cannot be read: the last one stays')
      fault = error instanceof Error ? `it cannot be read: ${error.name}` : 'it cannot be read'
      seen = ''
    }
  }

  /** One reading at a time: an older one must not end after a newer one. */
  function reload(): Promise<void> {
    if (file !== null) queue = queue.then(() => read(file))
    return queue
  }

  return {
    denies(principal) {
      if (entries.size === 0) return false
      const { id, issuer, client, tokenId } = principal
      return (
        entries.has(`principal ${id.toLowerCase()}`) ||
        (client !== null && entries.has(`client ${issuer}/${client.toLowerCase()}`)) ||
        (tokenId !== null && entries.has(`token ${issuer}/${tokenId.toLowerCase()}`))
      )
    },
    reload,
    onChange: (listener) => {
      listeners.push(listener)
    },
    async start() {
      await reload()
      if (fault !== null) throw new Error(`the deny list: ${fault}`)
      if (file === null) return
      timer = setInterval(() => void reload(), POLL_MS)
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
