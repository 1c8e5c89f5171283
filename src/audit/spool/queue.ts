/**
 * Group commit: one flusher takes all that waits, so that everybody who came meanwhile shares one sync of the disk.
 *
 * A group begins at once, unless several waited for the one before: then many come, and the next group waits until it is
 * some milliseconds behind. A group costs a sync and some 150 us of CPU, however many records it has (`commit_delay` and
 * `commit_siblings` of PostgreSQL are the same).
 *
 * Nobody waits for the end of a request to be recorded: it goes with the next record that somebody waits for, or after a
 * moment. Who waits is told while the next group is being written, a few at a time with a turn of the event loop in
 * between: so what they do next does not delay noticing that the disk is done.
 * @module
 */
import { performance } from 'node:perf_hooks'
import { lengthOf, type Draft } from '../record/draft.ts'

const GROUP_RECORDS = 1_024
/** Characters. Whoever checks a group holds all of it. */
const GROUP_LENGTH = 524_288
const TOLD_AT_ONCE = 16
/** How long an outcome waits for a record that it can go with. */
const OUTCOME_WAITS_MS = 20
/** How far apart groups begin while many wait: with fewer in a group, nobody is kept waiting for more. */
const APART_MS = 2
const MANY = 4

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
  /** Records that somebody waits for. */
  awaited = 0
  #length = 0
  #intents: Waiters | null = null
  #others: Waiters | null = null

  get isFull(): boolean {
    return this.entries.length >= GROUP_RECORDS || this.#length >= GROUP_LENGTH
  }

  add(draft: LateDraft, lane: Lane): Promise<void> {
    this.entries.push({ draft, lane })
    if (draft !== 'checkpoint') this.#length += lengthOf(draft)
    if (lane !== 'outcome') this.awaited += 1
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

/**
 * `write` never throws and is never called twice at once; its callbacks are called before those of the next group.
 * @param now monotonic milliseconds
 */
export function createQueue(
  write: (group: Group) => Promise<Settling>,
  now: () => number = () => performance.now(),
): Queue {
  const groups: Group[] = []
  let flushing: Promise<void> | null = null
  /** When the next group that somebody waits for may begin. */
  let due = 0
  let timer: NodeJS.Timeout | null = null
  /** For a group that nobody waits for. */
  let laterTimer: NodeJS.Timeout | null = null

  const isAwaited = (): boolean => groups.length > 1 || (groups[0]?.awaited ?? 0) > 0
  /** Milliseconds until the next group is due; one that is full is so at once. */
  const untilDue = (): number => (groups.length > 1 ? 0 : due - now())

  function take(): Group | undefined {
    const group = groups.shift()
    due = group !== undefined && group.awaited >= MANY ? now() + APART_MS : 0
    return group
  }

  async function flush(): Promise<void> {
    let group = take()
    let settling: Settling = []
    while (group !== undefined || settling.length > 0) {
      const writing = group === undefined ? [] : write(group)
      await settle(settling)
      settling = await writing
      group = isAwaited() && untilDue() <= 0 ? take() : undefined
    }
    flushing = null
    if (isAwaited()) begin()
    else if (groups.length > 0) beginLater()
  }

  function beginNow(): void {
    if (timer !== null) clearTimeout(timer)
    if (laterTimer !== null) clearTimeout(laterTimer)
    timer = laterTimer = null
    // all that arrives in this turn of the event loop shares one sync
    flushing ??= new Promise((done, failed) => {
      setImmediate(() => {
        flush().then(done, failed)
      })
    })
  }

  function begin(): void {
    if (flushing !== null) return
    const ms = untilDue()
    if (ms <= 0) beginNow()
    else timer ??= setTimeout(beginNow, ms)
  }

  function beginLater(): void {
    if (flushing === null && timer === null) laterTimer ??= setTimeout(beginNow, OUTCOME_WAITS_MS)
  }

  async function drained(): Promise<void> {
    if (groups.length > 0) beginNow()
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
