/**
 * Free space on the disk, checked each second, and a reserve file that is deleted to make room when the disk is full.
 * @module
 */
import { stat } from 'node:fs/promises'
import type { SpoolFiles } from './files.ts'
import { codeOf } from '../../lib/error-code.ts'
import type { Log } from '../../lib/log.ts'

/** With fewer free inodes, creating a segment may fail. */
const MIN_INODES = 16

export interface FreeSpaceOptions {
  readonly directory: string
  readonly files: SpoolFiles
  readonly reserveBytes: number
  readonly log: Log
}

/** What is known of the disk. */
export interface FreeSpace {
  /** Deletes the reserve so that its blocks can be used; false if it was gone already. */
  release(): Promise<boolean>
  /** The reserve is there: requests that begin now will find room for their end. */
  reserved(): boolean
  /** Why the disk is not fit, or null. */
  reason(): string | null
  freeBytes(): number
  /** Looks at the disk; fills the reserve again once there is room for several. */
  look(): Promise<void>
}

/** The length of a file; null if it is not there. */
const lengthOf = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ size }) => size,
    () => null,
  )

/** Fills the reserve, or throws if there is no room for it. */
export async function createFreeSpace(options: FreeSpaceOptions): Promise<FreeSpace> {
  const { directory, files, reserveBytes } = options
  const path = `${directory}/reserve`
  let reserved = false
  let free = { bytes: 0, inodes: 0 }
  let failure: string | null = null

  async function fill(): Promise<void> {
    if ((await lengthOf(path)) !== reserveBytes) {
      try {
        await files.fill(path, reserveBytes)
      } catch (error) {
        await files.remove(path).catch(() => {})
        throw error
      }
    }
    reserved = true
  }

  await fill()
  free = await files.free(directory)

  return {
    async release() {
      if (!reserved) return false
      reserved = false
      await files.remove(path).catch(() => {})
      options.log({ reserveBytes }, 'the disk is full: the audit reserve was released')
      return true
    },
    reserved: () => reserved,
    reason() {
      if (failure !== null) return failure
      if (!reserved) return 'the audit disk is full'
      if (free.bytes < reserveBytes) return 'the audit disk is nearly full'
      return free.inodes < MIN_INODES ? 'the audit disk has no inodes left' : null
    },
    freeBytes: () => free.bytes,
    async look() {
      try {
        free = await files.free(directory)
        reserved &&= (await lengthOf(path)) !== null
        if (!reserved && free.bytes > 3 * reserveBytes) await fill()
        failure = null
      } catch (error) {
        failure = `the audit disk cannot be looked at: ${codeOf(error)}`
      }
    },
  }
}
