/**
 * Where records come from: spools, and exports of what sinks got, as JSON lines.
 * @module
 */
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { bytesIn, readSpool, type Damage, type SpooledRow } from '../../audit/inspect/stream.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { COLUMNS } from '../../audit/record/columns.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { createProgress } from '../progress.ts'

export interface Source {
  readonly kind: 'spool' | 'export'
  readonly path: string
  /** Of its own: `spool 1 (a)`. */
  readonly name: string
  /** Of an export, in hex, once it was read to its end. */
  sha256: string | null
}

/** @param spools directories @param exports files; both as absolute paths @throws Problem for what holds no records */
export function sourcesOf(
  spools: readonly string[],
  exports: readonly string[],
): readonly Source[] {
  for (const spool of spools)
    if (chainsIn(spool).length === 0)
      throw new Problem(`no audit chain in "${spool}"`, 'name the directory of a spool')
  for (const file of exports)
    if (!statSync(file).isFile())
      throw new Problem(
        `"${file}" is no file`,
        'name a file of JSON lines; --spool takes directories',
      )
  const all = [
    ...spools.map((path) => ({ kind: 'spool' as const, path })),
    ...exports.map((path) => ({ kind: 'export' as const, path })),
  ]
  return all.map(({ kind, path }, at) => ({
    kind,
    path,
    name: `${kind} ${at + 1} (${basename(path)})`,
    sha256: null,
  }))
}

/** Rows between two looks at what else there is to do. */
const TURN_ROWS = 1_000

/** What a source has, with where it is from. */
export type FoundRow = (SpooledRow | Damage) & { readonly source: Source }

/** All records of all sources, one source after the other, with progress on standard error. */
export async function* readSources(
  sources: readonly Source[],
  what: string,
  io: Io,
): AsyncGenerator<FoundRow> {
  const total = sources.reduce((sum, { path }) => sum + bytesIn(path), 0)
  const progress = createProgress(io, what, total)
  let rows = 0
  try {
    for (const source of sources) {
      const found =
        source.kind === 'spool'
          ? readSpool(source.path, { onBytes: progress.add })
          : readExport(source, progress.add)
      for await (const one of found) {
        rows += 1
        // the rows of a segment come without a pause: this lets an interrupt in
        if (rows % TURN_ROWS === 0) await setImmediate()
        yield { ...one, source }
      }
    }
  } finally {
    progress.end()
  }
}

async function* readExport(
  source: Source,
  onBytes: (bytes: number) => void,
): AsyncGenerator<SpooledRow | Damage> {
  const { path } = source
  const hash = createHash('sha256')
  const stream = createReadStream(path)
  stream.on('data', (chunk) => {
    hash.update(chunk)
    onBytes(chunk.length)
  })
  let line = 0
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    line += 1
    if (text.trim() === '') continue
    const columns = columnsIn(text)
    if (columns !== null) yield { kind: 'row', text, columns }
    else yield { kind: 'damaged', segment: path, line, why: 'it is no record' }
  }
  source.sha256 = hash.digest('hex')
}

/** The columns of a line as a spool has them: sinks give lists as text, and times with more digits. Null for no record. */
function columnsIn(text: string): ReadonlyMap<string, unknown> | null {
  try {
    const columns = new Map<string, unknown>()
    for (const [name, value] of fieldsOf(JSON.parse(text))) {
      if (value === null || value === '') continue
      columns.set(name, valueOf(COLUMNS[name], value))
    }
    const isRecord =
      typeof columns.get('ChainId') === 'string' &&
      Number.isSafeInteger(columns.get('Seq')) &&
      typeof columns.get('RecordKind') === 'string' &&
      !Number.isNaN(Date.parse(String(columns.get('EventTime'))))
    return isRecord ? columns : null
  } catch {
    return null
  }
}

function valueOf(type: string | undefined, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (type === 'dynamic') return JSON.parse(value) as unknown
  if (type === 'long' || type === 'real') return Number(value)
  if (type === 'boolean') return value.toLowerCase() === 'true'
  return type === 'datetime' ? new Date(value).toISOString() : value
}
