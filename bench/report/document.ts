/**
 * docs/performance.md: each bench writes its own section between two marks, so that no figure there is anybody's word.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'

export const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'performance.md')
const END = '<!-- end -->'
const beginOf = (name: string): string => `<!-- npm run bench -- ${name} -->`

/** What stands in a section; null if there is none of that name. */
export function sectionOf(text: string, name: string): string | null {
  const from = text.indexOf(beginOf(name))
  if (from < 0) return null
  const to = text.indexOf(END, from)
  return to < 0 ? null : text.slice(from + beginOf(name).length, to).trim()
}

/** Replaces a section of the document. @throws if it has none of that name */
export async function writeSection(name: string, content: string, file = DOCUMENT): Promise<void> {
  const text = await readFile(file, 'utf8')
  const from = text.indexOf(beginOf(name))
  const to = text.indexOf(END, from)
  if (from < 0 || to < 0) throw new Error(`${file} has no section "${name}"`)
  const before = text.slice(0, from + beginOf(name).length)
  const written = `${before}\n\n${content}\n\n${text.slice(to)}`
  const style = await resolveConfig(file)
  await writeFile(file, await format(written, { ...style, parser: 'markdown' }))
}
