/**
 * A sink's cursor: a small file that moves only after the sink acknowledged.
 * @module
 */
import { readFileSync } from 'node:fs'
import { codeOf, replaceFile } from './files.ts'
import type { Position } from './reader.ts'

export interface Cursor {
  position(): Position
  /** Durable when it resolves. */
  move(to: Position): Promise<void>
}

const START: Position = { segment: '', offset: 0, seq: 0 }

function parse(text: string): Position | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const fields = new Map<string, unknown>(Object.entries(value))
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

/** A lost or unreadable cursor starts at the beginning: records are sent twice rather than never. */
export function openCursor(directory: string, name: string): Cursor {
  const path = `${directory}/${name}.cursor`
  let at = START
  try {
    at = parse(readFileSync(path, 'utf8')) ?? START
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  return {
    position: () => at,
    async move(to) {
      await replaceFile(directory, path, JSON.stringify(to))
      at = to
    },
  }
}
