/**
 * The spool's directory while the gateway runs: still there, still ours, still whole.
 *
 * What another process has taken stays taken. What is gone (removed, unmounted, replaced) is begun anew where that is
 * safe: on the disk that it was on, under the lock, and only if nobody has written there meanwhile. The chain goes on
 * from the head that is known, so that `audit verify` of what is left says what is missing.
 * @module
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncDirectory } from './files.ts'
import { takeLock, type Lock } from './lock-file.ts'
import { privateDirectory } from './permissions.ts'
import { segmentNames } from './recover.ts'
import type { Segment } from './writer.ts'
import { GUID } from '../../lib/guid.ts'

/** How a look found the directory. `begun`: it can be written again, without the segments that are missing. */
export type Found =
  | { readonly kind: 'ours' | 'taken' }
  | { readonly kind: 'gone'; readonly why: string }
  | { readonly kind: 'begun'; readonly missing: readonly Segment[] }

export interface Hold {
  /**
   * Shows life and looks. Before anything is begun anew, `stop` has to see to it that nothing is being written.
   * @param known the segments that should be there
   */
  look(known: readonly Segment[], stop: () => Promise<void>): Promise<Found>
  /** Asked before a file of the directory is replaced: it might be another process's by now. */
  isOurs(): boolean
  release(): void
}

/** The names of chains in a spool. */
const CHAIN = new RegExp(`^${GUID}$`)
export const chainNames = (root: string): string[] =>
  readdirSync(root).filter((name) => CHAIN.test(name))

/** The disk that a path is on, or would be if it were there. */
function diskOf(path: string): number {
  return existsSync(path) ? statSync(path).dev : diskOf(dirname(path))
}

const missingOf = (known: readonly Segment[]): Segment[] =>
  known.filter(({ path }) => !existsSync(path))

/** What the hold is about. */
export interface HoldOptions {
  readonly root: string
  readonly chainId: string
  /** Segments with this at the beginning of their name are of this very process. */
  readonly bootId: string
  /** Held since before the chain was read. */
  readonly lock: Lock
}

export function createHold(options: HoldOptions): Hold {
  const { root, chainId, bootId } = options
  const directory = `${root}/${chainId}`
  const disk = diskOf(root)
  let { lock } = options
  let away = false

  /** Somebody wrote here while we did not hold it: whoever it was, this chain is not ours to go on with. */
  function isForeign(known: readonly Segment[]): boolean {
    if (chainNames(root).some((name) => name !== chainId)) return true
    const ours = new Set(known.map(({ name }) => name))
    return segmentNames(directory).some((name) => !ours.has(name) && !name.startsWith(bootId))
  }

  /** Throws an Error that says why it cannot be begun anew now. */
  async function begin(known: readonly Segment[]): Promise<Found> {
    if (diskOf(root) !== disk) {
      throw new Error('it is not on the disk that it was on: mount that again, or restart')
    }
    privateDirectory(root)
    const state = lock.beat()
    if (state === 'taken') return { kind: 'taken' }
    if (state === 'gone') {
      const next = takeLock(`${root}/lock`)
      lock.release()
      lock = next
    }
    privateDirectory(directory)
    if (isForeign(known)) return { kind: 'taken' }
    await syncDirectory(root)
    await syncDirectory(dirname(root))
    return { kind: 'begun', missing: missingOf(known) }
  }

  return {
    async look(known, stop) {
      const state = lock.beat()
      if (state === 'taken') return { kind: 'taken' }
      if (state === 'ours' && !away && missingOf(known).length === 0) return { kind: 'ours' }
      away = true
      await stop()
      try {
        const found = await begin(known)
        away = found.kind !== 'begun'
        return found
      } catch (error) {
        return { kind: 'gone', why: error instanceof Error ? error.message : 'unknown' }
      }
    },
    isOurs: () => lock.isOurs(),
    release: () => lock.release(),
  }
}
