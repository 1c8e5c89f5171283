/**
 * Which records may be written now, and why the gateway is not ready.
 * @module
 */
import type { Committer } from './commit.ts'
import type { FreeSpace } from './free-space.ts'
import type { Lane } from './queue.ts'

export interface Admission {
  /** Why a record of this lane cannot be made durable now, or null. */
  readonly refusal: (lane: Lane) => string | null
  /** Why no request should begin now; empty if one may. */
  readonly reasons: () => string[]
}

export interface AdmissionOptions {
  readonly isClosed: () => boolean
  /** Why nothing can be written to the directory, or null. */
  readonly directoryReason: () => string | null
  readonly committer: Committer
  readonly space: FreeSpace
  /** Bytes of all segments. */
  readonly bytes: () => number
  readonly softLimitBytes: number
  readonly hardLimitBytes: number
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { committer, space, bytes } = options

  function refusal(lane: Lane): string | null {
    if (options.isClosed()) return 'the audit spool is closed'
    const gone = options.directoryReason()
    if (gone !== null) return gone
    const failure = committer.failure()
    if (failure?.over === false) return `the audit disk fails: ${failure.code}`
    if (lane !== 'intent') return null
    if (!space.reserved()) return 'the audit disk is full'
    return bytes() >= options.hardLimitBytes ? 'the audit spool is at its hard limit' : null
  }

  function reasons(): string[] {
    const found: string[] = []
    const why = refusal('intent')
    const failure = committer.failure()
    if (why !== null) found.push(why)
    else if (failure !== null) found.push(`the audit disk fails: ${failure.code}`)
    else if (bytes() >= options.softLimitBytes) {
      found.push('the audit spool is above its soft limit')
    }
    const disk = space.reason()
    if (disk !== null && disk !== why) found.push(disk)
    return found
  }

  return { refusal, reasons }
}
