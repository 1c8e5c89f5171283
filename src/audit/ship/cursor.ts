/**
 * A sink's cursor: a small file that moves only after the sink acknowledged.
 * @module
 */
import { readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { fieldsOf } from '../../lib/strict-json.ts'
import { replaceFile } from '../spool/files.ts'
import type { Position } from './reader.ts'
import { codeOf } from '../../lib/error-code.ts'

export interface Cursor {
  position(): Position
  /** Durable when it resolves. */
  move(to: Position): Promise<void>
}

const START: Position = { segment: '', offset: 0, seq: 0 }

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

/**
 * Opens a sink's cursor. A new sink begins after record `before`; that is written at once, so that records which are
 * deleted before the sink has them count as lost. An unreadable cursor starts at the beginning: records are sent twice
 * rather than never.
 * `isOurs` tells whether the directory is still this process's.
 */
export async function openCursor(
  directory: string,
  name: string,
  before: number,
  isOurs: () => boolean,
): Promise<Cursor> {
  const path = `${directory}/${name}.cursor`
  // temporary files of a process that was killed
  for (const left of readdirSync(directory)) {
    if (left.startsWith(`${name}.cursor.`) && left.endsWith('.tmp'))
      unlinkSync(`${directory}/${left}`)
  }
  let at = START
  const cursor: Cursor = {
    position: () => at,
    async move(to) {
      if (!isOurs()) throw new Error('the audit spool is not held any more')
      await replaceFile(directory, path, JSON.stringify(to), isOurs)
      at = to
    },
  }
  try {
    at = parse(readFileSync(path, 'utf8')) ?? START
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    await cursor.move({ ...START, seq: before })
  }
  return cursor
}
