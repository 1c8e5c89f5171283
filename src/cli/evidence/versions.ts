/**
 * Which versions of the policies were in force, and of which commits they are.
 * @module
 */
import type { Commit } from '../policy/history.ts'
import type { Table } from '../csv.ts'
import type { Exception } from './exceptions.ts'
import type { Gathered } from './records.ts'

/** @param commits null if no repository was given */
export function versionsOf(
  found: Gathered,
  commits: ReadonlyMap<string, Commit> | null,
): { readonly tables: readonly Table[]; readonly exceptions: readonly Exception[] } {
  const exceptions: Exception[] = []
  const rows = [...found.versions]
    .sort(([, one], [, other]) => (one.first < other.first ? -1 : 1))
    .map(([version, { first, last, count }]) => {
      const commit = commits?.get(version)
      if (commits !== null && commit === undefined)
        exceptions.push({
          kind: 'exception',
          control: 'AMH-06',
          what: 'no commit has these policies',
          where: `policy version ${version}`,
        })
      return [
        version,
        first,
        last,
        count,
        commit?.commit,
        commit?.time,
        commit?.author,
        commit?.subject,
      ]
    })
  if (commits === null)
    exceptions.push({
      kind: 'incomplete',
      control: 'AMH-06',
      what: 'no repository of the policies was given, so that their versions are matched to no commit',
      where: '04-policy-changes/versions.csv',
    })
  return {
    exceptions,
    tables: [
      {
        path: '04-policy-changes/reloads.csv',
        columns: ['time', 'record', 'outcome', 'before', 'version', 'commit', 'author'],
        rows: found.reloads.map(({ time, uid, detail }) => {
          const version = textOf(detail['version'])
          return [
            time,
            uid,
            textOf(detail['outcome']),
            textOf(detail['before']),
            version,
            textOf(detail['commit']) || commits?.get(version)?.commit,
            commits?.get(version)?.author,
          ]
        }),
        what: 'Each time a gateway took other policies, or kept the ones that it had because the files had faults.',
      },
      {
        path: '04-policy-changes/versions.csv',
        columns: [
          'version',
          'first_decision',
          'last_decision',
          'decisions',
          'commit',
          'commit_time',
          'author',
          'subject',
        ],
        rows,
        what: 'Each version of the policies that decided in the period, with the commit that it is.',
      },
    ],
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
