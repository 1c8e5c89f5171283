/**
 * Documents of reviews, as the gateway writes them.
 * @module
 */
import type { RequestDocument, VerdictDocument } from '../../src/approvals/documents.ts'

const DIGEST = 'a'.repeat(64)
const DAY = 86_400
export const AUTHOR = 'okta/author'
/** Seconds since the epoch. */
export const ASKED = 1_000

export function requestOf(given: Partial<RequestDocument> = {}): RequestDocument {
  const rule = {
    reviewers: 1,
    from: 'owners' as const,
    requestMs: 7 * DAY * 1_000,
    validMs: DAY * 1_000,
    uses: 1,
    base: 'strict' as const,
    holdMs: 0,
  }
  const iat = given.iat ?? ASKED
  return {
    v: 1,
    kind: 'request',
    id: idOf(0),
    subject: DIGEST,
    iss: 'https://gw',
    iat,
    exp: iat + 7 * DAY,
    author: AUTHOR,
    authors: [AUTHOR],
    client: null,
    call: {
      method: 'PUT',
      action: 'x/write',
      effect: 'write',
      resource: { type: 'Model', id: '/m' },
      ancestors: [],
      scope: null,
      target: '/m',
      names: [],
    },
    bodyDigest: null,
    baseDigest: null,
    asks: [{ policy: 'p', reason: 'r', rule }],
    policyVersion: 'v',
    decision: 'd',
    reason: null,
    ticket: null,
    shown: { differences: [], more: 0, lineage: [] },
    shownDigest: DIGEST,
    ...given,
  }
}

export function verdictOf(given: Partial<VerdictDocument> = {}): VerdictDocument {
  return {
    v: 1,
    kind: 'verdict',
    id: idOf(0),
    subject: DIGEST,
    shownDigest: DIGEST,
    verdict: 'approve',
    by: 'okta/ann',
    groups: ['Group::a'],
    signInAt: null,
    methods: [],
    iat: ASKED + 10,
    policyVersion: 'v',
    decision: 'd',
    comment: null,
    ticket: null,
    ...given,
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'

/** The id of a review, another one for each number. */
export function idOf(number: number): string {
  let [rest, text] = [number, '']
  for (let at = 0; at < 16; at++) {
    text = `${LETTERS[rest % 32]}${text}`
    rest = Math.floor(rest / 32)
  }
  return `${text}-1`
}
