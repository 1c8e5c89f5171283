/**
 * Decisions of a review of access, judged against the policies of now: what would be changed, or why a row cannot count.
 * @module
 */
import type { Binding } from '../../policy/load/bindings.ts'
import { readInstant } from '../../policy/load/period.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import {
  bindingDigest,
  DECISIONS,
  policyDigest,
  timeText,
  uidText,
  type Decision,
  type ReviewRow,
} from './rows.ts'

/** A change that a row asks for; `until` is null for a binding that is to be removed. */
export interface Change {
  readonly binding: Binding
  /** Milliseconds since the epoch. */
  readonly until: number | null
  readonly row: ReviewRow
}

/** A row that cannot count. */
export interface RowFault {
  readonly row: ReviewRow
  readonly what: string
}

export interface Judged {
  readonly changes: readonly Change[]
  readonly kept: number
  readonly undecided: number
  readonly faults: readonly RowFault[]
}

/** As records have it: the issuer's name, and an id. */
const PRINCIPAL_ID = /^[a-z][a-z0-9-]{0,62}\/\S+$/iu

/** @param now milliseconds since the epoch */
export function judgeReview(rows: readonly ReviewRow[], set: PolicySet, now: number): Judged {
  const faults: RowFault[] = []
  const changes: Change[] = []
  const seen = new Map<string, ReviewRow>()
  let kept = 0
  let undecided = 0
  for (const row of rows) {
    const { kind, through } = row.given
    const what = (text: string): void => void faults.push({ row, what: text })
    if (!row.isWhole) {
      what('it is not what access review start wrote: only the columns of the decision may change')
      continue
    }
    const key = `${kind} ${through}`
    const before = seen.get(key)
    if (before !== undefined) what(`it is in line ${before.line} of "${before.file}", too`)
    seen.set(key, row)
    if (isUndecided(row)) {
      undecided += 1
      continue
    }
    const wrong = writtenFaults(row, now)
    for (const text of wrong) what(text)
    if (wrong.length > 0) continue
    const judged = judgeDecision(row, set, now)
    if (typeof judged === 'string') what(judged)
    else if (judged === null) kept += 1
    else changes.push(judged)
  }
  return { changes, kept, undecided, faults }
}

const isUndecided = ({ written }: ReviewRow): boolean =>
  Object.values(written).every((value) => value === '')

const isDecision = (text: string): text is Decision =>
  DECISIONS.some((decision) => decision === text)

/** What is wrong with what the reviewer wrote, whatever the policies say. */
export function writtenFaults({ given, written }: ReviewRow, now: number): readonly string[] {
  const { decision, new_until, decision_reason, reviewed_by, reviewed_at } = written
  const faults: string[] = []
  if (!isDecision(decision))
    faults.push(`"decision" is one of ${DECISIONS.join(', ')}, not "${decision}"`)
  if (decision_reason === '') faults.push('it has no reason: write it in "decision_reason"')
  if (reviewed_by === '') faults.push('nobody says who decided: write it in "reviewed_by"')
  else if (!PRINCIPAL_ID.test(reviewed_by))
    faults.push(`"reviewed_by" is an id such as entra/0f3c..., as azureml-harness whoami says it`)
  else if (isSubject(reviewed_by, given))
    faults.push(`${reviewed_by} decides about access of their own`)
  const at = reviewedAt(reviewed_at)
  if (at === null) faults.push('"reviewed_at" is a day or an instant, as in 2026-10-12')
  else if (at > now) faults.push('"reviewed_at" is in the future')
  if (decision === 'shorten-until' && new_until === '')
    faults.push('it has no new end: write it in "new_until"')
  if (decision !== 'shorten-until' && new_until !== '')
    faults.push('"new_until" belongs to the decision shorten-until')
  return faults
}

/** Milliseconds since the epoch, of a day its beginning; null for neither. */
export function reviewedAt(text: string): number | null {
  const at = readInstant(/^\d{4}-\d{2}-\d{2}$/u.test(text) ? `${text}T00:00:00Z` : text)
  return typeof at === 'number' ? at : null
}

/** Whether a row is about the access of whoever decides: theirs alone, or of a group through which they called. */
function isSubject(who: string, { principal, used_by }: ReviewRow['given']): boolean {
  const id = who.toLowerCase()
  const users = used_by.toLowerCase().split(' ')
  return principal.toLowerCase().endsWith(`"${id}"`) || users.includes(id)
}

/** The change; null for none; why there is none, in words. */
function judgeDecision(row: ReviewRow, set: PolicySet, now: number): Change | null | string {
  const { given, written } = row
  if (given.kind === 'policy') {
    const rule = set.written.rules.get(given.through)
    if (rule === undefined) return 'there is no such policy'
    if (policyDigest(rule) !== given.binding_sha256)
      return 'the policy has changed since it was given out for review'
    return written.decision === 'keep'
      ? null
      : 'it is a policy, not a binding: change its file by hand'
  }
  const binding = set.written.bindings.bindings.find(({ id }) => id === given.through)
  if (binding === undefined) return 'there is no such binding'
  if (bindingDigest(set, binding) !== given.binding_sha256)
    return 'the binding or its template has changed since it was given out for review'
  if (written.decision === 'keep') return null
  if (written.decision === 'remove') return { binding, until: null, row }
  const until = readInstant(written.new_until)
  if (typeof until !== 'number') return `"new_until": ${until.fault}; write 2027-03-01T00:00:00Z`
  if (binding.until !== null && until >= binding.until)
    return `"new_until" is not before its end, ${timeText(binding.until)}`
  if (until <= now) return '"new_until" is in the past: remove ends it at once'
  if (binding.from !== null && until <= binding.from)
    return `"new_until" is before it begins, ${timeText(binding.from)}: remove it`
  return { binding, until, row }
}

/** In a line: which binding, of whom on what, and what becomes of it. */
export function changeText({ binding, until }: Change): string {
  const { id, template, principal, resource } = binding
  const what = `${id} (${template} for ${uidText(principal)} on ${uidText(resource)})`
  if (until === null) return `- ${what}: removed`
  return `~ ${what}: until ${timeText(until)}, was ${timeText(binding.until) || 'without an end'}`
}
