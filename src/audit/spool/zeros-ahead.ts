/**
 * Zeros behind the last group of the open segment: a sync of bytes that the file has already needs no write of the file
 * system's journal, which is what most slow syncs wait for. Whoever reads a segment leaves zeros at its end out.
 * @module
 */
import { writeAll, type SegmentFile } from './files.ts'

/** How many are written at once: with more, the sync that has to write them takes longer. */
const ZEROS = Buffer.alloc(131_072)

export interface ZerosAhead {
  /** A new segment ends there: it has none. */
  begin(end: number): void
  /** Writes more behind `end`, where the group that is about to be synced ends, if it took all that there were. */
  extend(file: SegmentFile, end: number): Promise<void>
  /** Cuts them off a segment whose last group ends there. */
  cut(file: SegmentFile, end: number): Promise<void>
}

/** @param segmentBytes there are none behind so many */
export function createZerosAhead(segmentBytes: number): ZerosAhead {
  /** Where they end. */
  let stop = 0
  return {
    begin(end) {
      stop = end
    },
    async extend(file, end) {
      if (end <= stop) return
      stop = end
      const most = Math.min(ZEROS.length, segmentBytes - end)
      if (most <= 0) return
      try {
        await writeAll(file, ZEROS.subarray(0, most), end)
        stop = end + most
      } catch {
        // the disk is nearly full: the group is there, and those after it in this segment do without
        await file.truncate(end)
        stop = Infinity
      }
    },
    async cut(file, end) {
      if (end < stop) await file.truncate(end)
      stop = end
    },
  }
}
