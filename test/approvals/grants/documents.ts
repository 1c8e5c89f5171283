/**
 * Documents of a grant for tests: whole ones, to be changed in one member or another.
 * @module
 */
import {
  shownDigestOf,
  type GrantExtension,
  type GrantRequest,
  type GrantTerms,
  type GrantVerdict,
} from '../../../src/approvals/grants/documents.ts'

export const ID = 'abcdefghijklmnop-1'
export const ASKED = 1_000_000
export const HOUR = 3_600
export const DAY = 86_400
export const ASKER = 'okta/asker'
const GROUP = { type: 'Group', id: 'approvers' }

export const terms = (given: Partial<GrantTerms> = {}): GrantTerms => ({
  template: 'reader',
  who: null,
  within: null,
  most: 8 * HOUR,
  reviewers: 1,
  approvers: [GROUP],
  stepUp: null,
  ...given,
})
const said = { signInAt: null, methods: [], policyVersion: 'v', decision: 'd' }
export const request = (given: Partial<GrantRequest> = {}): GrantRequest => ({
  v: 1,
  kind: 'grant-request',
  id: ID,
  iss: 'https://gw',
  exp: ASKED + 7 * DAY,
  by: ASKER,
  groups: [],
  ...said,
  iat: ASKED,
  grantee: { type: 'User', id: ASKER },
  template: 'reader',
  templateDigest: 'a'.repeat(64),
  resource: { type: 'Workspace', id: '/w' },
  seconds: HOUR,
  terms: terms(),
  reason: 'because',
  ticket: null,
  ...given,
})
export const extension = (
  n: number,
  given: Partial<GrantExtension> = {},
  of: GrantRequest = request(),
): GrantExtension => ({
  v: 1,
  kind: 'grant-extension',
  id: ID,
  shown: shownDigestOf(of, null),
  n,
  by: ASKER,
  groups: [],
  ...said,
  iat: ASKED + 600,
  seconds: HOUR,
  reason: 'more',
  ...given,
})
export const verdict = (
  given: Partial<GrantVerdict> = {},
  of: GrantRequest = request(),
  about: GrantExtension | null = null,
): GrantVerdict => ({
  v: 1,
  kind: 'grant-verdict',
  id: ID,
  verdict: 'approve',
  n: about?.n ?? 0,
  shown: shownDigestOf(of, about),
  by: 'okta/ann',
  groups: ['Group::approvers'],
  ...said,
  iat: ASKED + 60,
  comment: null,
  ...given,
})
