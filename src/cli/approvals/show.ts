/**
 * `approvals show`: one review, for whoever has to decide it.
 * @module
 */
import { askGateway, list, object, text, type Members } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import type { Wanted } from '../session/credential.ts'

export interface ShowOptions extends Wanted {
  readonly output: Output
}

const ID = /^[a-z2-7]{16}-[1-9]\d{0,4}$/u

/** Where a review is. @throws UsageError for what is no id of one */
export function pathOfReview(id: string): string {
  if (!ID.test(id)) throw new UsageError('a review has an id like k3f5q2m7x2v4b6ta-1')
  return `/_harness/api/reviews/${id}`
}

export const MISSING = 'list those that you see: azureml-harness approvals list --state all'

export async function showReview(id: string, options: ShowOptions, io: Io): Promise<number> {
  const review = await askGateway(io, options, pathOfReview(id), { ifMissing: MISSING })
  printReview(review, options.output, io)
  return EXIT.ok
}

export function printReview(review: Members, output: Output, io: Io): void {
  show(io, output, {
    json: () => Object.fromEntries(review),
    table: () => lines(review, io),
    tsv: () =>
      differences(review).map(({ at, from, to }) => [text(review.get('id')), at, from, to]),
  })
}

function differences(review: Members) {
  return list(object(review.get('shown')).get('differences')).map((one) => {
    const { at, from, to } = Object.fromEntries(object(one))
    return { at: words(at), from: words(from), to: words(to) }
  })
}

/** Where a model comes from; what nobody knows stands out. */
function lineageLines(one: Members, style: Io['style']): readonly string[] {
  const known = (name: string): string => text(one.get(name)) || style('red', 'unknown')
  const inputs = list(one.get('inputs')).map((input) => text(input))
  const isJob = text(one.get('job')) !== ''
  const copy = text(one.get('copiedTo'))
  return [
    '',
    `model ${shortId(text(one.get('model')))}, registered by ${known('author')}`,
    ...(copy === '' ? [] : [`  of which ${shortId(copy)} is a copy`]),
    isJob ? `  by job ${known('job')} of ${known('jobAuthor')}` : '  by no job that is known',
    ...(isJob
      ? [
          `  of commit ${known('commit')}, code ${known('code')}, environment ${known('environment')}`,
          `  of data: ${inputs.length === 0 ? 'none that is known' : inputs.join(', ')}`,
        ]
      : []),
  ]
}

/** Metrics of a model beside those of the version that serves, with the difference. */
function metricLines(one: Members): readonly string[] {
  const rows = list(one.get('values')).map((value) => {
    const { name, now, next } = Object.fromEntries(object(value))
    const change = typeof now === 'number' && typeof next === 'number' ? signed(next - now) : ''
    return [text(name), numberText(now), numberText(next), change]
  })
  const serves = text(one.get('serves'))
  return [
    '',
    `metrics of ${shortId(text(one.get('model')))}${serves === '' ? '' : ` beside ${shortId(serves)}, which serves now`}`,
    ...(rows.length === 0 ? [] : tableLines(['METRIC', 'NOW', 'THIS', 'DIFFERENCE'], rows)),
    ...list(one.get('notes')).map((note) => text(note)),
  ]
}

function numberText(value: unknown): string {
  return typeof value === 'number' ? String(value) : '-'
}

/** As many digits as tell something: 0.95 - 0.9 is no 0.04999999999999993. */
function signed(difference: number): string {
  const rounded = Number(difference.toPrecision(6))
  return rounded > 0 ? `+${rounded}` : String(rounded)
}

/** Without the subscription and the workspace, which the resource above has. */
function shortId(id: string): string {
  return /\/(models\/.*)$/u.exec(id.startsWith('/') ? id : '')?.[1] ?? id
}

function lines(review: Members, { style }: Io): readonly string[] {
  const of = (name: string): string => text(review.get(name))
  const state = of('state')
  const colour = state === 'approved' ? 'green' : state === 'open' ? 'yellow' : 'red'
  const reason = words(review.get('reason'))
  const changed = differences(review).map(({ at, from, to }) => [
    at,
    from || '(nothing)',
    '->',
    to || '(nothing)',
  ])
  const shown = object(review.get('shown'))
  const lineage = list(shown.get('lineage')).flatMap((one) => lineageLines(object(one), style))
  const more = shown.get('more')
  const metrics = list(shown.get('metrics')).flatMap((one) => metricLines(object(one)))
  const timeline = timelineOf(review)
  return [
    `review ${of('id')}, ${style(colour, state)}${of('until') === '' ? '' : ` until ${of('until')}`}`,
    `${of('author')} asks for ${of('method')} ${of('resource')}`,
    ...list(review.get('asks')).map((one) => `because ${text(object(one).get('reason'))}`),
    ...(reason === '' ? [] : [`reason: ${reason}`]),
    '',
    ...(changed.length === 0 ? ['nothing differs'] : tableLines(null, changed)),
    ...(typeof more === 'number' && more > 0 ? [`and ${more} more differences`] : []),
    ...lineage,
    ...metrics,
    '',
    ...tableLines(null, timeline),
    ...(state === 'open' ? missingLines(review) : []),
    ...overrideLines(object(review.get('override'))),
    ...(review.get('mayReview') === true && state === 'open'
      ? ['', `decide: azureml-harness approvals approve ${of('id')}, or reject`]
      : []),
  ]
}

/** What was done with it, in the order of time. */
function timelineOf(review: Members): readonly (readonly string[])[] {
  const asked = [text(review.get('asked')), text(review.get('author')), 'asked', '']
  const said = list(review.get('verdicts')).map((one) => {
    const { verdict, by, at, comment } = Object.fromEntries(object(one))
    return [text(at), text(by), text(verdict), words(comment)]
  })
  const used = list(review.get('uses')).map((one) => {
    const { by, at, outcome } = Object.fromEntries(object(one))
    return [text(at), text(by), 'made the call', text(outcome) || 'how it ended is not known']
  })
  return [asked, ...[...said, ...used].toSorted((one, other) => order(one[0], other[0]))]
}

function order(one = '', other = ''): number {
  return one < other ? -1 : one === other ? 0 : 1
}

/** Who has to approve still. */
function missingLines(review: Members): readonly string[] {
  const owners = object(review.get('owners'))
  const missing = list(review.get('missing')).flatMap((one) => {
    const { policy, have, need, groups } = Object.fromEntries(object(one))
    if (need === 0) return [`${text(policy)}: needs a reason`]
    const lacking = list(groups).map((group) => text(group))
    return [
      `${text(policy)}: ${String(have)} of ${String(need)} approved`,
      ...(lacking.length === 0 ? [] : [`  nobody yet of ${lacking.join(', ')}`]),
    ]
  })
  const reviewers = list(owners.get('reviewers')).map((one) => text(one))
  const byOwners = list(review.get('asks')).some((one) => object(one).get('from') === 'owners')
  const who = reviewers.length === 0 ? 'nobody owns it' : `owners: ${reviewers.join(', ')}`
  return missing.length === 0 ? [] : ['', ...missing, ...(byOwners ? [who] : [])]
}

/** What people wrote: marks that could steer a terminal, or hide something, are shown by their numbers. */
function words(value: unknown): string {
  if (typeof value !== 'string') return ''
  return value.replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

function overrideLines(override: Members): readonly string[] {
  if (override.size === 0) return []
  const { by, at, due, afterwards } = Object.fromEntries(override)
  const state = text(afterwards)
  const end = state === 'due' || state === 'overdue' ? `, due ${text(due)}` : ''
  return [
    '',
    `let through before its review by ${text(by)} at ${text(at)}; review afterwards: ${state}${end}`,
  ]
}
