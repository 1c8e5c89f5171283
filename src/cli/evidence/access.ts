/**
 * Who may do what by the bindings of a policy, since when, until when, and when it was last used.
 * @module
 */
import type { Binding } from '../../policy/load/bindings.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { Table } from '../csv.ts'
import type { Exception } from './exceptions.ts'
import type { Period } from './chains.ts'
import type { Gathered } from './records.ts'

const iso = (time: number | null): string => (time === null ? '' : new Date(time).toISOString())

/** @param set the policies at the end of the period */
export function accessOf(
  set: PolicySet,
  found: Gathered,
  { from, to }: Period,
): { readonly tables: readonly Table[]; readonly exceptions: readonly Exception[] } {
  const { bindings } = set.written.bindings
  const exceptions: Exception[] = []
  const rows = bindings.map((binding) => {
    const { id, template, principal, resource, shadow, reason, ticket, requestedBy, file } = binding
    const used = found.rules.get(`${template}@${id}`)
    const isInForce = (binding.from ?? 0) < to && (binding.until ?? Infinity) > from
    if (isInForce && !shadow && used === undefined)
      exceptions.push({
        kind: 'exception',
        control: 'AMH-04',
        what: 'nobody used it in the period',
        where: `binding ${id}`,
      })
    if (binding.until === null && (principal.type === 'User' || principal.type === 'Service'))
      exceptions.push({
        kind: 'exception',
        control: 'AMH-03',
        what: 'it is for one person or service, and has no end',
        where: `binding ${id}`,
      })
    return [
      id,
      template,
      principal.type,
      principal.id,
      resource.type,
      resource.id,
      iso(binding.from),
      iso(binding.until),
      shadow,
      used?.count ?? 0,
      used?.last ?? '',
      reason,
      ticket,
      requestedBy,
      file,
    ]
  })
  const actions = [...set.templates].flatMap(([name, policy]) => [
    [name, policy.identity, policy.text],
  ])
  return {
    exceptions,
    tables: [
      {
        path: '01-access/access.csv',
        columns: ACCESS_COLUMNS,
        rows,
        what: 'Every binding of the policies, with the calls that it permitted in the period.',
      },
      useTable(bindings, found),
      {
        path: '01-access/templates.csv',
        columns: ['template', 'identity', 'text'],
        rows: actions,
        what: 'What each template permits, as it is written, and the managed identity of its calls.',
      },
    ],
  }
}

const ACCESS_COLUMNS = [
  'binding',
  'template',
  'principal_type',
  'principal',
  'resource_type',
  'resource',
  'from',
  'until',
  'shadow',
  'calls_in_period',
  'last_call',
  'reason',
  'ticket',
  'requested_by',
  'file',
]

const useTable = (bindings: readonly Binding[], found: Gathered): Table => ({
  path: '01-access/use.csv',
  columns: [
    'principal',
    'through',
    'template',
    'held_by',
    'resource',
    'until',
    'calls_in_period',
    'first_call',
    'last_call',
  ],
  rows: [...found.rules].flatMap(([rule, { callers }]) => {
    const binding = bindings.find(({ id, template }) => `${template}@${id}` === rule)
    return [...callers].map(([who, { count, first, last }]) => [
      who,
      binding?.id ?? rule,
      binding?.template,
      binding === undefined ? '' : `${binding.principal.type}::${binding.principal.id}`,
      binding?.resource.id,
      iso(binding?.until ?? null),
      count,
      first,
      last,
    ])
  }),
  what: 'Who called in the period, through which binding, grant or policy. Members of groups who did not call are not in it.',
})
