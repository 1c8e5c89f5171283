/**
 * Which commit the policies are of.
 * @module
 */
import { realpath } from 'node:fs/promises'

/** The folder that git-sync makes for a commit is named by it. */
const COMMIT = /(?:^|\/)([0-9a-f]{40})(?:\/|$)/u

/** The commit that policies in a folder are of, where a folder on its path is named by it; null if that is not known. */
export async function commitOf(directory: string): Promise<string | null> {
  const real = await realpath(directory).catch(() => '')
  return COMMIT.exec(real)?.[1] ?? null
}
