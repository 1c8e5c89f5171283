/**
 * A sink's cursor: how far the sink is, in memory, and in a small file that is written each second.
 *
 * The file is not synced each time: that would delay the syncs of records, which requests wait for. It is synced before a
 * segment is deleted and at the end. After a kill, rows of the last second are sent again; after a power failure, rows of
 * segments that are still there.
 *
 * It is written in place, through a descriptor of a file that this process has put there: when another process has taken
 * the spool over and put its own there, nothing of it is written to. The text has one length and fits into one sector, so
 * that it is either the old one or the new one.
 * @module
 */
import { readdirSync, readFileSync, unlinkSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { everySecond } from '../../lib/every-second.ts'
import { createTurns } from '../../lib/single-flight.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import { replaceFile } from '../spool/files.ts'
import type { Position } from './reader.ts'
import { codeOf } from '../../lib/error-code.ts'

export interface Cursor {
  /** How far the sink is. */
  position(): Position
  /** Holds at once and is written within a second. Rejects if the last write failed and fails again. */
  move(to: Position): Promise<void>
  /** The position of now is on the disk when it resolves. */
  sync(): Promise<void>
  /** The same, at the end. */
  close(): Promise<void>
}

const START: Position = { segment: '', offset: 0, seq: 0 }
const TEXT_BYTES = 256

function parse(text: string): Position | null {
  try {
    const fields = fieldsOf(JSON.parse(text))
    const segment = fields.get('segment')
    const offset = fields.get('offset')
    const seq = fields.get('seq')
    return typeof segment === 'string' && Number.isSafeInteger(offset) && Number.isSafeInteger(seq)
      ? { segment, offset: Number(offset), seq: Number(seq) }
      : null
  } catch {
    return null
  }
}

const textOf = (position: Position): string =>
  `${JSON.stringify(position).padEnd(TEXT_BYTES - 1)}\n`

/** Where a sink stands by its file. An unreadable one is the beginning: records are sent twice rather than never. */
function read(path: string, before: number): Position {
  try {
    return parse(readFileSync(path, 'utf8')) ?? START
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return { ...START, seq: before }
  }
}

/** The file of a position, which this process has put there. */
interface CursorFile {
  write(position: Position): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

async function createFile(
  directory: string,
  path: string,
  first: Position,
  isOurs: () => Promise<boolean>,
): Promise<CursorFile> {
  const put = (position: Position): Promise<FileHandle> =>
    replaceFile(directory, path, textOf(position), isOurs)
  let handle = await put(first)
  return {
    async write(position) {
      if (!(await isOurs())) throw new Error('the audit spool is not held any more')
      if ((await handle.stat()).nlink === 0) {
        // the directory was removed, and made again
        const next = await put(position)
        await handle.close()
        handle = next
      } else await handle.write(textOf(position), 0)
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  }
}

/**
 * Opens a sink's cursor. A new sink begins after record `before`; that is written at once, so that records which are
 * deleted before the sink has them count as lost.
 * `isOurs` tells whether the directory is still this process's.
 */
export async function openCursor(
  directory: string,
  name: string,
  before: number,
  isOurs: () => Promise<boolean>,
): Promise<Cursor> {
  const path = `${directory}/${name}.cursor`
  // temporary files of a process that was killed
  for (const left of readdirSync(directory)) {
    if (left.startsWith(`${name}.cursor.`) && left.endsWith('.tmp'))
      unlinkSync(`${directory}/${left}`)
  }
  let at = read(path, before)
  let written = at
  let synced = at
  let failed = false
  const file = await createFile(directory, path, at, isOurs)

  async function writeNow(): Promise<void> {
    const position = at
    if (position === written) return
    try {
      await file.write(position)
    } catch (error) {
      failed = true
      throw error
    }
    failed = false
    written = position
  }

  async function syncNow(): Promise<void> {
    await writeNow()
    if (synced === written) return
    const position = written
    await file.sync()
    synced = position
  }

  const inTurn = createTurns()
  const [write, sync] = [inTurn(writeNow), inTurn(syncNow)]
  const stopWriting = everySecond(write)

  return {
    position: () => at,
    async move(to) {
      at = to
      if (failed) await write()
    },
    sync,
    async close() {
      await stopWriting()
      try {
        await sync()
      } finally {
        await file.close()
      }
    },
  }
}
