/**
 * Who has a part in a change, and does not review it.
 * @module
 */
import { createHash } from 'node:crypto'
import type { RequestDocument } from './documents.ts'

/** Whether somebody is an author of a change. A stamp has the digest of an id that is too long for a tag. */
export function hasPartIn({ authors }: Pick<RequestDocument, 'authors'>, id: string): boolean {
  if (authors.includes(id)) return true
  const isDigested = authors.some((author) => author.startsWith('sha256:'))
  return isDigested && authors.includes(`sha256:${createHash('sha256').update(id).digest('hex')}`)
}
