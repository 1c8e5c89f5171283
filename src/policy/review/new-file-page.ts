/**
 * The page of a Git host on which a new file is filled in: whoever opens it reads it and proposes it under their own name.
 *
 * GitHub's parameters are those that Gitea documents as "GitHub-style" (go-gitea/gitea#16556). GitLab and Azure DevOps
 * have none.
 * @module
 */
import type { Repository } from '../load/requests.ts'

/** Characters. Servers refuse longer lines with 414. */
const MAX_LENGTH = 7_500

/**
 * @param path of the file, from the top of the repository
 * @returns null if the host has no such page, or the file is too long for it
 */
export function newFilePage(
  { kind, url, branch }: Repository,
  path: string,
  text: string,
): string | null {
  const word = { github: 'new', gitea: '_new', gitlab: null, 'azure-devops': null, other: null }[
    kind
  ]
  if (word === null) return null
  const at = path.lastIndexOf('/')
  const folder = [branch, ...path.slice(0, Math.max(at, 0)).split('/')]
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .map(encodeURIComponent)
    .join('/')
  const query = `filename=${encodeURIComponent(path.slice(at + 1))}&value=${encodeURIComponent(text)}`
  const page = `${url}/${word}/${folder}?${query}`
  return page.length > MAX_LENGTH ? null : page
}

/** Where a proposed file belongs in the repository: policies are beside the folder of bindings. */
export function pathIn({ directory }: Repository, file: string): string {
  const top = directory.slice(0, directory.lastIndexOf('/') + 1)
  return `${top}${file}`
}
