/**
 * Whether the policies in force still stand behind a grant: its rule in `requests.yaml`, its template, and its grantee.
 * @module
 */
import { createHash } from 'node:crypto'
import type { GrantRequest, GrantTerms } from '../approvals/grants/documents.ts'
import { memoOf } from '../lib/memo.ts'
import { isOneOf } from './engine/entities.ts'
import type { Uid } from './load/conditions.ts'
import type { RequestRule } from './load/requests.ts'
import type { PolicySet } from './load/rules.ts'
import type { Policy } from './load/source.ts'

/** What a rule of `way: grant` says, as far as its grants depend on it; null for another way. */
export function termsOf(rule: RequestRule): GrantTerms | null {
  const { template, who, within, way, lasts, reviewers, approvers, stepUp } = rule
  if (way !== 'grant' || lasts === null) return null
  return {
    template,
    who: who?.map(plain) ?? null,
    within: within === null ? null : plain(within),
    most: lasts.most / 1_000,
    reviewers,
    approvers: approvers.map(plain),
    stepUp:
      stepUp === null
        ? null
        : {
            ...(stepUp.maxAgeSeconds === undefined ? {} : { maxAgeSeconds: stepUp.maxAgeSeconds }),
            ...(stepUp.methods === undefined ? {} : { methods: [...stepUp.methods] }),
          },
  }
}

const plain = ({ type, id }: Uid): Uid => ({ type, id })

/** Of a template as it is written. */
export const digestOf: (template: Policy) => string = memoOf(({ text }) =>
  createHash('sha256').update(text).digest('hex'),
)

const textOfRule = memoOf((rule: RequestRule) => JSON.stringify(termsOf(rule)))
const textOfTerms = memoOf((terms: GrantTerms) => JSON.stringify(terms))

/** The rule that a grant was asked for by, if it still says the same. */
export function ruleOf(set: PolicySet, { terms }: GrantRequest): RequestRule | null {
  const wanted = textOfTerms(terms)
  return set.requests.rules.find((rule) => textOfRule(rule) === wanted) ?? null
}

/** Why a grant is void by the policies in force, in words; null if they stand behind it. */
export function voidBecause(
  set: PolicySet,
  request: GrantRequest,
  /** The grantee and all that the grantee is a member of; null if that is not known. */
  principals: readonly Uid[] | null,
): string | null {
  const { template, templateDigest, terms } = request
  if (ruleOf(set, request) === null) return 'its rule in requests.yaml has changed'
  const policy = set.templates.get(template)
  if (policy === undefined || digestOf(policy) !== templateDigest)
    return `the template "${template}" has changed`
  if (principals === null || terms.who === null) return null
  return terms.who.some((uid) => isOneOf(uid, principals))
    ? null
    : 'its rule does not cover its holder any more'
}
