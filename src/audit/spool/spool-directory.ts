/**
 * The spool's directory while the gateway runs: whether it is still there, still locked by this process, still whole.
 *
 * If another process has taken the lock, nothing is written any more. If the directory is gone (removed, unmounted,
 * replaced), it is made again where that is safe: on the same disk, under the lock, and only if nobody has written there
 * meanwhile. The chain continues from the last known head, so that `audit verify` of what is left says what is missing.
 * @module
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from './files.ts'
import { takeLock, type Lock } from './lock-file.ts'
import { privateDirectory } from './permissions.ts'
import { segmentNames } from './recover.ts'
import type { Segment } from './writer.ts'
import { GUID } from '../../lib/guid.ts'

/** The state of the directory. `restarted`: it was made again and can be written, without the missing segments. */
export type Found =
  | { readonly kind: 'ours' | 'taken' }
  | { readonly kind: 'gone'; readonly why: string }
  | { readonly kind: 'restarted'; readonly missing: readonly Segment[] }

export interface SpoolDirectory {
  /**
   * Renews the lock's sign of life and checks the directory. `stop` is called before the directory is made again; when it
   * resolves nothing is being written.
   * @param known the segments that should be there, now and while this looks
   */
  look(known: readonly Segment[], stop: () => Promise<void>): Promise<Found>
  /** Asked before a file of the directory is replaced: it might be another process's by now. */
  isOurs(): Promise<boolean>
  release(): Promise<void>
}

/** The names of chains in a spool. */
const CHAIN = new RegExp(`^${GUID}$`)
export const chainNames = (root: string): string[] =>
  readdirSync(root).filter((name) => CHAIN.test(name))

/** The disk that a path is on, or would be if it were there. */
function diskOf(path: string): number {
  return existsSync(path) ? statSync(path).dev : diskOf(dirname(path))
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

async function missingOf(known: readonly Segment[]): Promise<Segment[]> {
  const all = [...known]
  const there = await Promise.all(all.map(({ path }) => isThere(path)))
  // one that is deleted meanwhile is taken off the list before
  return all.filter((segment, at) => there[at] === false && known.includes(segment))
}

export interface SpoolDirectoryOptions {
  readonly root: string
  readonly chainId: string
  /** The prefix of the names of this process's segments. */
  readonly bootId: string
  /** Held since before the chain was read. */
  readonly lock: Lock
}

export function createSpoolDirectory(options: SpoolDirectoryOptions): SpoolDirectory {
  const { root, chainId, bootId } = options
  const directory = `${root}/${chainId}`
  const disk = diskOf(root)
  let { lock } = options
  let away = false

  /** Whether another process wrote here while this one did not have the lock: then this chain must not be continued. */
  function isForeign(known: readonly Segment[]): boolean {
    if (chainNames(root).some((name) => name !== chainId)) return true
    const ours = new Set(known.map(({ name }) => name))
    return segmentNames(directory).some((name) => !ours.has(name) && !name.startsWith(bootId))
  }

  /** Makes the directory again, or throws an Error that says why it cannot be made now. */
  async function restart(known: readonly Segment[]): Promise<Found> {
    if (diskOf(root) !== disk) {
      throw new Error('it is not on the disk that it was on: mount that again, or restart')
    }
    privateDirectory(root)
    const state = await lock.beat()
    if (state === 'taken') return { kind: 'taken' }
    if (state === 'gone') {
      const before = lock
      lock = takeLock(`${root}/lock`)
      await before.release()
    }
    privateDirectory(directory)
    if (isForeign(known)) return { kind: 'taken' }
    await syncDirectory(root)
    await syncDirectory(dirname(root))
    return { kind: 'restarted', missing: await missingOf(known) }
  }

  return {
    async look(known, stop) {
      const state = await lock.beat()
      if (state === 'taken') return { kind: 'taken' }
      if (state === 'ours' && !away && (await missingOf(known)).length === 0)
        return { kind: 'ours' }
      away = true
      await stop()
      try {
        const found = await restart(known)
        away = found.kind !== 'restarted'
        return found
      } catch (error) {
        return { kind: 'gone', why: error instanceof Error ? error.message : 'unknown' }
      }
    },
    isOurs: () => lock.isOurs(),
    release: () => lock.release(),
  }
}
