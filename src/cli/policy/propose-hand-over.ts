/**
 * How a proposed change gets to whoever reviews it: on a branch of the person's own clone, or on a page of the Git host
 * with the file filled in. Either way it is the person's own: the gateway has no access to a repository.
 * @module
 */
import { dirname } from 'node:path'
import type { Repository } from '../../policy/load/requests.ts'
import { newFilePage, pathIn } from '../../policy/review/new-file-page.ts'
import type { Proposal } from '../../policy/review/propose.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import { hasBrowser, openBrowser } from '../sign-in/open-browser.ts'
import { commitFiles } from './git.ts'

/** What became of it. */
export type Handed =
  | { readonly how: 'shown' }
  | { readonly how: 'written' }
  | {
      readonly how: 'committed'
      readonly branch: string
      readonly commit: string
      /** Commands that make a request for review of it. */
      readonly next: readonly string[]
    }
  | { readonly how: 'opened'; readonly page: string; readonly inBrowser: boolean }

interface Given {
  /** Undefined for a page; true for a branch without a name. */
  readonly branch: string | true | undefined
  readonly proposal: Proposal
  /** Where the file would be on this machine. */
  readonly path: string
  readonly repository: Repository | null
}

/** @throws Problem if it cannot be committed, or there is no such page */
export async function handOver(
  { branch, proposal, path, repository }: Given,
  io: Io,
): Promise<Handed> {
  if (branch !== undefined) return committed({ branch, proposal, path, repository }, io)
  if (repository === null)
    throw new Problem(
      'nothing says where the policies are kept',
      'name it in requests.yaml: repository: { kind: github, url: https://github.com/... }; or use --branch',
    )
  const page = newFilePage(repository, pathIn(repository, proposal.file), proposal.text)
  if (page === null)
    throw new Problem(
      `${repository.kind} has no page for a new file of this size with its text filled in`,
      'use --branch in a clone of the repository',
    )
  const inBrowser = hasBrowser(io.env)
  if (inBrowser) openBrowser(page, io.env)
  return { how: 'opened', page, inBrowser }
}

async function committed(
  { branch: asked, proposal, path, repository }: Given & { readonly branch: string | true },
  io: Io,
): Promise<Handed> {
  const { file, text, title } = proposal
  const id = file.slice(file.lastIndexOf('/') + 1).replace(/\.(?:yaml|cedar)$/u, '')
  const branch = asked === true ? `access/${id}` : asked
  // its folder may not be there yet
  const folder = file.includes('/') ? dirname(dirname(path)) : dirname(path)
  const message = `access: ${title}\n`
  const files = new Map([[file, text]])
  const commit = await commitFiles(io, { folder, files, branch, message })
  return { how: 'committed', branch, commit, next: nextOf(repository, branch, folder) }
}

/** @param folder in the clone */
function nextOf(repository: Repository | null, branch: string, folder: string): readonly string[] {
  const push = `git -C '${folder}' push -u origin ${branch}`
  switch (repository?.kind) {
    case 'github':
      return [push, `gh pr create --repo ${repository.url} --head ${branch} --fill`]
    case 'gitlab':
      return [`${push} -o merge_request.create`]
    case 'azure-devops':
      return [push, `az repos pr create --source-branch ${branch}`]
    default:
      return [push]
  }
}
