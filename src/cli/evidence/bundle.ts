/**
 * A bundle of evidence on the disk: its files, and a manifest with their digests that can be signed.
 * @module
 */
import { createHash, sign, type KeyObject } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { csvOf, type Table } from '../csv.ts'

/** A file of a bundle, as its manifest has it. */
export interface Listed {
  readonly path: string
  readonly sha256: string
  /** Rows of a table, without its heading; lines of JSON lines; null for all else. */
  readonly rows: number | null
  readonly what: string
}

export interface File {
  readonly path: string
  readonly text: string
  readonly rows: number | null
  readonly what: string
}

export const MANIFEST = 'manifest.json'

export const fileOf = (table: Table): File => ({
  path: table.path,
  text: csvOf(table),
  rows: table.rows.length,
  what: table.what,
})

/** The same rows as JSON lines, for programs: each value as it is, without the apostrophe that keeps off formulas. */
export const linesOf = ({ path, columns, rows }: Table): File => ({
  path: path.replace(/\.csv$/, '.jsonl'),
  text: rows
    .map((row) =>
      JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, row[at] ?? '']))),
    )
    .map((line) => `${line}\n`)
    .join(''),
  rows: rows.length,
  what: `The rows of ${path} as JSON lines.`,
})

export const digestOf = (bytes: Buffer | string): string =>
  createHash('sha256').update(bytes).digest('hex')

/**
 * Writes all of it, or nothing under that name: until the last file is there, the folder is called `<folder>.partial`.
 * @param manifest what the manifest says besides its files
 * @param key an Ed25519 key; without one the bundle has no signature
 * @throws Error if the folder is there already
 */
export async function writeBundle(
  folder: string,
  files: readonly File[],
  manifest: Readonly<Record<string, unknown>>,
  key: KeyObject | null,
): Promise<void> {
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  const listed: Listed[] = []
  for (const { path, text, rows, what } of files) {
    await mkdir(dirname(join(partial, path)), { recursive: true })
    await writeFile(join(partial, path), text)
    listed.push({ path, sha256: digestOf(text), rows, what })
  }
  const text = `${JSON.stringify({ ...manifest, outputs: listed }, null, 2)}\n`
  await writeFile(join(partial, MANIFEST), text)
  const sums = [...listed, { path: MANIFEST, sha256: digestOf(text) }]
  await writeFile(
    join(partial, 'sha256sums.txt'),
    sums.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(''),
  )
  if (key !== null)
    await writeFile(join(partial, `${MANIFEST}.sig`), sign(null, Buffer.from(text), key))
  await rename(partial, folder)
}

export const README = `How to check this bundle without the program that made it:

  sha256sum --check sha256sums.txt
  jq -r '.outputs[] | "\\(.sha256)  \\(.path)"' manifest.json | sha256sum --check
  openssl pkeyutl -verify -pubin -inkey PUBLIC-KEY.pem -rawin -in manifest.json -sigfile manifest.json.sig

The last one is for a signed bundle, with a public key that you got from its owners in another way.
Tables are CSV (RFC 4180, UTF-8, times in UTC), and the same as JSON lines (.jsonl). A value that a spreadsheet would take for a formula has an apostrophe
before it. index.html is the same for people, and can be printed. exceptions.csv is to be read first.
`
