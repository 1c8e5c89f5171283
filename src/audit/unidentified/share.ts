/**
 * How much of the spool is taken by records of callers that were not identified, and whether they may take more.
 * @module
 */
import type { Segment } from '../spool/writer.ts'

/** No text of a record has it in this form: quotes inside of a text are escaped. */
const IDENTIFIED = '"PrincipalId":"'

/** Whether a row of the spool is about a caller that was not identified. */
export function isUnidentified(kind: string, row: Buffer): boolean {
  if (kind === 'refused' || kind === 'summary') return !row.includes(IDENTIFIED)
  return kind === 'received'
}

export interface Share {
  /** Bytes on disk, or on their way there. */
  used(): number
  hasRoom(): boolean
  /**
   * Sets bytes aside for a record.
   * @returns to be told whether the record became durable
   */
  hold(bytes: number): (durable: boolean) => void
}

/**
 * Bytes are counted by segment, and free again when their segment is deleted.
 * @param known bytes in segments that were there at the start
 */
export function createShare(options: {
  readonly limitBytes: number
  readonly segments: () => readonly Segment[]
  readonly known: ReadonlyMap<Segment, number>
}): Share {
  const { limitBytes, segments } = options
  const bySegment = new WeakMap<Segment, number>(options.known)
  let held = 0

  const used = (): number =>
    segments().reduce((sum, segment) => sum + (bySegment.get(segment) ?? 0), held)

  return {
    used,
    hasRoom: () => used() < limitBytes,
    hold(bytes) {
      held += bytes
      return (durable) => {
        held -= bytes
        // it may be in the segment before: then its bytes are free a little later than they could be
        const segment = segments().at(-1)
        if (durable && segment !== undefined)
          bySegment.set(segment, (bySegment.get(segment) ?? 0) + bytes)
      }
    },
  }
}
