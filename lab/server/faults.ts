/**
 * Makes the next answers of a part fail as asked: down, slow, wrong, cut short or flapping.
 * @module
 */

/** A fault, as posted to `/_lab/faults`; one or an array of them. The first that matches is used up. */
export interface Fault {
  readonly match?: {
    readonly method?: string
    /** Substring of the request target. */
    readonly path?: string
  }
  /** How many requests it hits; 1 if absent, 0 for every one until cleared. */
  readonly times?: number
  /** How many matching requests it lets pass first. */
  readonly skip?: number
  readonly delayMs?: number
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown
  /** `true` cuts the connection instead of answering; `mid-body` after headers and half of the body. */
  readonly reset?: boolean | 'mid-body'
  /** Never answers. */
  readonly hang?: boolean
  /** These bytes instead of an answer, then the connection ends: what no honest server sends. */
  readonly raw?: string
  /** After `raw`, the connection stays open. */
  readonly hold?: boolean
  /** Reads the request's body no faster than this. */
  readonly readBytesPerSecond?: number
  /** For so long; to its end if absent. */
  readonly readSlowlyMs?: number
  /** The request is carried out before its answer fails: the caller cannot know that it was. */
  readonly after?: boolean
}

interface Armed {
  readonly fault: Fault
  left: number
  skip: number
  hits: number
}

export interface Faults {
  /** Arms faults; throws a TypeError that names an unknown key. */
  add(value: unknown): void
  list(): readonly Armed[]
  clear(): void
  /** The fault that this request runs into, if any. */
  take(method: string, url: string): Fault | null
}

const KEYS = new Set([
  'match',
  'times',
  'skip',
  'delayMs',
  'status',
  'headers',
  'body',
  'reset',
  'hang',
  'after',
  'raw',
  'hold',
  'readBytesPerSecond',
  'readSlowlyMs',
])

function parse(value: unknown): Fault {
  if (typeof value !== 'object' || value === null) throw new TypeError('a fault is an object')
  for (const key of Object.keys(value)) {
    if (!KEYS.has(key)) {
      throw new TypeError(`unknown key "${key}" in a fault; known: ${[...KEYS].join(', ')}`)
    }
  }
  return value
}

function matches(fault: Fault, method: string, url: string): boolean {
  const { match } = fault
  if (match?.method !== undefined && match.method.toUpperCase() !== method) return false
  return match?.path === undefined || url.toLowerCase().includes(match.path.toLowerCase())
}

export function createFaults(): Faults {
  let armed: Armed[] = []
  return {
    add(value) {
      const faults = (Array.isArray(value) ? value : [value]).map(parse)
      for (const fault of faults) {
        const times = fault.times ?? 1
        armed.push({ fault, left: times === 0 ? Infinity : times, skip: fault.skip ?? 0, hits: 0 })
      }
    },
    list: () => armed,
    clear() {
      armed = []
    },
    take(method, url) {
      for (const one of armed) {
        if (one.left <= 0 || !matches(one.fault, method, url)) continue
        if (one.skip > 0) {
          one.skip--
          continue
        }
        one.left--
        one.hits++
        return one.fault
      }
      return null
    },
  }
}
