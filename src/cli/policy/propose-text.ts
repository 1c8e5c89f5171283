/**
 * A proposed change as lines for people: the file, what it gives, and what follows.
 * @module
 */
import type { RequestRule } from '../../policy/load/requests.ts'
import type { AddedGrant } from '../../policy/review/export/grants.ts'
import type { Proposal } from '../../policy/review/propose.ts'
import type { Replay } from '../../policy/review/replay.ts'
import { gainText } from '../gain-text.ts'
import type { Handed } from './propose-hand-over.ts'

/** What is said of a proposal besides the file. */
export interface Shown {
  /** Where the file would be. */
  readonly path: string
  /** Null without records. */
  readonly replayed: Replay | null
  readonly azure: readonly AddedGrant[]
  /** Rules of `requests.yaml` by which the caller may ask for it. */
  readonly asked: readonly RequestRule[]
}

const MAX_SHOWN = 10

export function* proposalLines(
  { kind, text, gain }: Proposal,
  { path, replayed, azure, asked }: Shown,
  handed: Handed,
): Generator<string> {
  yield `# ${path}`
  yield text
  yield `gives      ${gainText(gain)}, besides what the caller has there`
  if (kind === 'binding' && gain.actions > 1)
    yield '           --one-action gives the action of the call alone, by a policy'
  if (kind === 'policy') yield 'ends       when the file is taken out: a policy has no end'
  yield* recordedLines(replayed)
  if (azure.length === 0) yield 'Azure      the roles of the managed identities stay as they are'
  for (const { identity, scope, actions } of azure)
    yield `Azure      ${identity} needs ${actions.length === 1 ? actions[0] : `${actions.length} more actions`} on ${scope}`
  if (azure.length > 0)
    yield '           policy export writes the roles, policy drift compares them'
  for (const { way, url, codeOwners, note, line } of asked) {
    const more = [url, codeOwners === null ? null : `reviewed by ${codeOwners}`, note]
    yield `asked for  by ${[way, ...more.filter((one) => one !== null)].join(', ')} (requests.yaml:${line})`
  }
  yield* handedLines(handed, kind)
}

function* recordedLines(replayed: Replay | null): Generator<string> {
  if (replayed === null) {
    yield 'recorded   no records were looked into: --spool names them'
    return
  }
  const { changes } = replayed
  const changed = changes.reduce((sum, { count }) => sum + count, 0)
  yield `recorded   ${changed} of ${replayed.replayed} decisions would have been different`
  for (const { principal, action, before, after, count } of changes.slice(0, MAX_SHOWN))
    yield `           ${count} x ${principal} ${action}: ${before} -> ${after}`
  if (changes.length > MAX_SHOWN) yield `           and ${changes.length - MAX_SHOWN} more kinds`
}

function* handedLines(handed: Handed, kind: Proposal['kind']): Generator<string> {
  switch (handed.how) {
    case 'written':
      yield 'written    a running gateway uses it within seconds'
      return
    case 'committed':
      yield `committed  ${handed.commit.slice(0, 12)} on ${handed.branch}; the checkout is as it was`
      for (const command of handed.next) yield `next       ${command}`
      return
    case 'opened':
      yield `${handed.inBrowser ? 'opened   ' : 'open     '}  ${handed.page}`
      return
    case 'shown':
      yield `next       --write writes the file, --branch commits it in a clone, --open opens a page with it${kind === 'binding' ? '; a pull request with it is one new file' : ''}`
  }
}
