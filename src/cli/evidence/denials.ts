/**
 * What was refused, and who called; and the keys that signed the records.
 * @module
 */
import type { Table } from '../csv.ts'
import type { Gathered } from './records.ts'

export function denialTables({ refusals, principals, revoked }: Gathered): readonly Table[] {
  return [
    {
      path: '06-denials/by-code.csv',
      columns: ['code', 'status', 'refused', 'first', 'last'],
      rows: [...refusals]
        .sort(([, one], [, other]) => other.count - one.count)
        .map(([code, { count, first, last }]) => [...code.split('\t'), count, first, last]),
      what: 'What was refused in the period, by the code of the refusal (docs/errors.md).',
    },
    {
      path: '06-denials/by-principal.csv',
      columns: ['principal', 'requests', 'refused', 'secrets', 'first', 'last'],
      rows: [...principals]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([who, { count, refused, secrets, first, last }]) => [
          who,
          count,
          refused,
          secrets,
          first,
          last,
        ]),
      what: 'Everybody who was identified in the period: requests, refusals, and permitted calls that hand out keys or tokens.',
    },
    {
      path: '02-access-changes/revocations.csv',
      columns: ['first_refused', 'last_refused', 'refused', 'principal', 'last_permitted'],
      rows: [...revoked].map(([who, { first, last, count }]) => [
        first,
        last,
        count,
        who,
        principals.get(who)?.permitted ?? '',
      ]),
      what: 'Callers on the deny list: when they were first refused for it. When they were put there is in the history of its file: the gateway does not record that.',
    },
  ]
}

export const keyTable = (ids: readonly (readonly [string, string])[]): Table => ({
  path: '08-keys/signing.csv',
  columns: ['chain', 'key'],
  rows: ids,
  what: 'Keys that signed checkpoints of the records.',
})
