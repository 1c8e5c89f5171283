/**
 * A disk that fails when told to: the real one, with faults put before its operations.
 * @module
 */
import { diskFiles, type SegmentFile, type SpoolFiles } from '../../src/audit/spool/files.ts'

/** An error as the kernel gives it. */
export const errno = (code: string): Error => Object.assign(new Error(code), { code })

export interface Faults {
  /** Bytes that a write may take, or an error that it ends with. */
  write?: (wanted: number) => number
  datasync?: () => void | Promise<void>
  create?: () => void
}

/** The real disk with `faults`, which may be changed at any time. */
export function faultyDisk(faults: Faults): SpoolFiles {
  const wrap = (file: SegmentFile): SegmentFile => ({
    ...file,
    write: async (data, offset, position) => {
      const wanted = data.length - offset
      const allowed = faults.write?.(wanted) ?? wanted
      return file.write(data.subarray(0, offset + allowed), offset, position)
    },
    datasync: async () => {
      await faults.datasync?.()
      await file.datasync()
    },
  })
  return {
    ...diskFiles,
    create: async (directory, name) => {
      faults.create?.()
      return wrap(await diskFiles.create(directory, name))
    },
  }
}
