/**
 * Group commit: one flusher takes all that waits, so that everybody who came meanwhile shares one sync of the disk.
 *
 * Nobody waits for the end of a request to be recorded: it goes with the next record that somebody waits for, or after a
 * moment. Who waits is told while the next group is being written, a few at a time with a turn of the event loop in
 * between: so what they do next does not delay noticing that the disk is done.
 * @module
 */
import { lengthOf, type Draft } from '../record/draft.ts'

const GROUP_RECORDS = 1_024
/** Characters. Whoever checks a group holds all of it. */
const GROUP_LENGTH = 524_288
const TOLD_AT_ONCE = 16
/** How long an outcome waits for a record that it can go with. */
const OUTCOME_WAITS_MS = 20

/**
 * Whether a record may still be written when the disk is full: `intent` may not; `reserved` may, into the reserve's room,
 * and so may `outcome`, the end of a request, which is owed to the disk if it fails.
 */
export type Lane = 'intent' | 'reserved' | 'outcome'

/** A record that is made when its group is written; the checkpoint is one. */
export type LateDraft = Draft | 'checkpoint'

export interface Entry {
  readonly draft: LateDraft
  readonly lane: Lane
}

/** Those who wait for a few records of one kind of lane: they share a promise. */
export class Waiters {
  readonly forIntents: boolean
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  count = 0

  constructor(forIntents: boolean) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // who has gone by then is not told
    promise.catch(() => undefined)
    this.forIntents = forIntents
    this.promise = promise
    this.resolve = resolve
    this.reject = reject
  }
}

/** Records that are written and synced together. */
export class Group {
  readonly entries: Entry[] = []
  readonly waiters: Waiters[] = []
  /** Somebody waits for it. */
  isAwaited = false
  #length = 0
  #intents: Waiters | null = null
  #others: Waiters | null = null

  get isFull(): boolean {
    return this.entries.length >= GROUP_RECORDS || this.#length >= GROUP_LENGTH
  }

  add(draft: LateDraft, lane: Lane): Promise<void> {
    this.entries.push({ draft, lane })
    if (draft !== 'checkpoint') this.#length += lengthOf(draft)
    if (lane !== 'outcome') this.isAwaited = true
    return lane === 'intent' ? this.#waitForIntent() : this.#waitForOther()
  }

  #waitForIntent(): Promise<void> {
    this.#intents = this.#join(this.#intents, true)
    return this.#intents.promise
  }

  #waitForOther(): Promise<void> {
    this.#others = this.#join(this.#others, false)
    return this.#others.promise
  }

  #join(open: Waiters | null, forIntents: boolean): Waiters {
    let waiters = open
    if (waiters === null || waiters.count === TOLD_AT_ONCE) {
      waiters = new Waiters(forIntents)
      this.waiters.push(waiters)
    }
    waiters.count += 1
    return waiters
  }
}

export interface Queue {
  /** Resolves or rejects as `write` settles the group; it need not be awaited nor caught. */
  add(draft: LateDraft, lane: Lane): Promise<void>
  /** Resolves when nothing waits. */
  drained(): Promise<void>
}

/** Callbacks that tell the waiters of a group whether it is durable, in order. */
export type Settling = readonly (() => void)[]

/** `write` never throws and is never called twice at once; its callbacks are called before those of the next group. */
export function createQueue(write: (group: Group) => Promise<Settling>): Queue {
  const groups: Group[] = []
  let flushing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null

  const isDue = (): boolean => groups.length > 1 || groups[0]?.isAwaited === true

  async function flush(): Promise<void> {
    let group = groups.shift()
    let settling: Settling = []
    while (group !== undefined || settling.length > 0) {
      const writing = group === undefined ? [] : write(group)
      await settle(settling)
      settling = await writing
      group = isDue() ? groups.shift() : undefined
    }
    flushing = null
    if (groups.length > 0) beginLater()
  }

  function begin(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    // all that arrives in this turn of the event loop shares one sync
    flushing ??= new Promise((done, failed) => {
      setImmediate(() => {
        flush().then(done, failed)
      })
    })
  }

  function beginLater(): void {
    if (flushing === null) timer ??= setTimeout(begin, OUTCOME_WAITS_MS)
  }

  async function drained(): Promise<void> {
    if (groups.length > 0) begin()
    if (flushing === null) return
    await flushing
    await drained()
  }

  return {
    add(draft, lane) {
      let group = groups.at(-1)
      if (group === undefined || group.isFull) {
        group = new Group()
        groups.push(group)
      }
      const told = group.add(draft, lane)
      if (lane === 'outcome') beginLater()
      else begin()
      return told
    },
    drained,
  }
}

/** Calls them in order. Between two, the event loop sees whether the disk is done. */
function settle(settling: Settling): Promise<void> | null {
  if (settling.length === 0) return null
  return new Promise((done) => {
    let at = 0
    const next = (): void => {
      settling[at]?.()
      at += 1
      if (at < settling.length) setImmediate(next)
      else done()
    }
    next()
  })
}
