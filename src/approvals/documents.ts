/**
 * The documents that a review consists of. They are signed, written once and never changed; what a review's state is
 * follows from them.
 * @module
 */
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { isGrantDocument, type GrantDocument } from './grants/documents.ts'
import type { HeldName, WaitingName } from './ledger/ledger.ts'

const strict = { additionalProperties: false }
const Text = Type.String({ minLength: 1, maxLength: 4_096 })
const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' })
/** Seconds since the epoch, as in any JWS. */
const Seconds = Type.Integer({ minimum: 0 })
const ID = /^[a-z2-7]{16}-[1-9][0-9]{0,4}$/
const Id = Type.String({ pattern: ID.source })
const Uid = Type.Object({ type: Text, id: Text }, strict)

const Rule = Type.Object(
  {
    reviewers: Type.Integer({ minimum: 0, maximum: 9 }),
    from: Type.Union([Type.Literal('owners'), Type.Literal('policy')]),
    requestMs: Type.Integer({ minimum: 0 }),
    validMs: Type.Integer({ minimum: 0 }),
    uses: Type.Integer({ minimum: 1 }),
    base: Type.Union([Type.Literal('strict'), Type.Literal('any')]),
    holdMs: Type.Integer({ minimum: 0 }),
  },
  strict,
)

/** One difference between what is there now and what the call would make of it; secrets are masked. */
const Difference = Type.Object(
  {
    /** Where, as a pointer whose foreign names are quoted. */
    at: Type.String(),
    /** Null for what is not there. */
    from: Type.Union([Type.String(), Type.Null()]),
    to: Type.Union([Type.String(), Type.Null()]),
  },
  strict,
)

/** Where a model comes from, as far as Azure tells; null for what it does not tell. */
const Lineage = Type.Object(
  {
    model: Type.String(),
    author: Type.Union([Type.String(), Type.Null()]),
    job: Type.Union([Type.String(), Type.Null()]),
    jobAuthor: Type.Union([Type.String(), Type.Null()]),
    commit: Type.Union([Type.String(), Type.Null()]),
    /** The model that is a copy of this one; absent for a model of the change itself. */
    copiedTo: Type.Optional(Type.String()),
    /** Of the job: its inputs as `name: where`, its environment and its code. */
    inputs: Type.Optional(Type.Array(Type.String())),
    environment: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    code: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  },
  strict,
)

/** Metrics of a model in the change beside those of the version that serves now; null for one that has none. */
const Metrics = Type.Object(
  {
    model: Type.String(),
    serves: Type.Union([Type.String(), Type.Null()]),
    values: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          now: Type.Union([Type.Number(), Type.Null()]),
          next: Type.Union([Type.Number(), Type.Null()]),
        },
        strict,
      ),
    ),
    /** What is not there, and why, in words. */
    notes: Type.Array(Type.String()),
  },
  strict,
)

/** What reviewers are shown. The verdict repeats its digest. */
const Shown = Type.Object(
  {
    differences: Type.Array(Difference),
    /** How many there are besides those in the list. */
    more: Type.Integer({ minimum: 0 }),
    lineage: Type.Array(Lineage),
    metrics: Type.Optional(Type.Array(Metrics)),
  },
  strict,
)

const Request = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('request'),
    id: Id,
    /** Digest of method, action, resource, query, body and base. */
    subject: Digest,
    /** The gateway, by its public URL. */
    iss: Text,
    iat: Seconds,
    exp: Seconds,
    author: Text,
    /** Everybody who may not review it: the author, and those of the model and of its jobs. */
    authors: Type.Array(Text, { minItems: 1 }),
    /** Application that the author used. */
    client: Type.Union([Text, Type.Null()]),
    call: Type.Object(
      {
        method: Text,
        action: Text,
        effect: Text,
        resource: Uid,
        ancestors: Type.Array(Uid),
        scope: Type.Union([Text, Type.Null()]),
        /** Without the body: what the author sends again. */
        target: Text,
        /** What owners are found by: `models/<name>`, `endpoints/<name>`. */
        names: Type.Array(Text),
      },
      strict,
    ),
    bodyDigest: Type.Union([Digest, Type.Null()]),
    /** Of what is there now: null if nothing is, or if no policy asks for it. */
    baseDigest: Type.Union([Digest, Type.Null()]),
    asks: Type.Array(Type.Object({ policy: Text, reason: Text, rule: Rule }, strict), {
      minItems: 1,
    }),
    policyVersion: Text,
    decision: Text,
    /** Why it is asked for, in the author's words. */
    reason: Type.Union([Text, Type.Null()]),
    ticket: Type.Union([Text, Type.Null()]),
    shown: Shown,
    shownDigest: Digest,
  },
  strict,
)

const Verdict = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('verdict'),
    id: Id,
    subject: Digest,
    shownDigest: Digest,
    verdict: Type.Union([
      Type.Literal('approve'),
      Type.Literal('reject'),
      Type.Literal('comment'),
      Type.Literal('withdraw'),
      Type.Literal('override'),
    ]),
    by: Text,
    /** Groups of owners that the reviewer's token had. */
    groups: Type.Array(Text),
    /** When the reviewer signed in, if the token says so. */
    signInAt: Type.Union([Seconds, Type.Null()]),
    methods: Type.Array(Text),
    iat: Seconds,
    policyVersion: Text,
    decision: Text,
    comment: Type.Union([Text, Type.Null()]),
    /** Of an override. */
    ticket: Type.Union([Text, Type.Null()]),
  },
  strict,
)

/** One use of an approval: that it exists is what makes the use single. */
const Use = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('use'),
    id: Id,
    subject: Digest,
    n: Type.Integer({ minimum: 1 }),
    by: Text,
    decision: Text,
    iat: Seconds,
  },
  strict,
)

const Outcome = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('outcome'),
    id: Id,
    n: Type.Integer({ minimum: 1 }),
    decision: Text,
    /** `unknown`: it may have been done. */
    outcome: Type.Union([Type.Literal('success'), Type.Literal('failed'), Type.Literal('unknown')]),
    upstreamStatus: Type.Union([Type.Integer(), Type.Null()]),
    iat: Seconds,
  },
  strict,
)

/** How Azure answered a use of a held call: its poller goes on with that. */
const Started = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('started'),
    id: Id,
    n: Type.Integer({ minimum: 1 }),
    decision: Text,
    status: Type.Integer(),
    /** Path and query at the gateway where the operation is polled; null if it ended with the answer. */
    operation: Type.Union([Text, Type.Null()]),
    iat: Seconds,
  },
  strict,
)

/** A channel was told of the review, or could not be. */
const Notice = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('notice'),
    id: Id,
    channel: Text,
    event: Text,
    outcome: Type.Union([Type.Literal('sent'), Type.Literal('failed')]),
    iat: Seconds,
  },
  strict,
)

const SCHEMAS = {
  request: Request,
  verdict: Verdict,
  use: Use,
  outcome: Outcome,
  started: Started,
  notice: Notice,
}

export type RequestDocument = Static<typeof Request>
export type VerdictDocument = Static<typeof Verdict>
export type UseDocument = Static<typeof Use>
export type OutcomeDocument = Static<typeof Outcome>
export type StartedDocument = Static<typeof Started>
export type NoticeDocument = Static<typeof Notice>
export type Document =
  | RequestDocument
  | VerdictDocument
  | UseDocument
  | OutcomeDocument
  | StartedDocument
  | NoticeDocument
export type Lineage = Static<typeof Lineage>
export type Metrics = Static<typeof Metrics>
export type Difference = Static<typeof Difference>
export type Shown = Static<typeof Shown>

/** Whether a value is a document of a review in every member. */
export function isDocument(value: unknown): value is Document {
  return Object.values(SCHEMAS).some((schema) => Value.Check(schema, value))
}

/** All that is signed. */
export type AnyDocument = Document | GrantDocument

/** Whether a value is a document of ours in every member; others are as if they were not there. */
export function isAnyDocument(value: unknown): value is AnyDocument {
  return isDocument(value) || isGrantDocument(value)
}

/** Names in the ledger. */
export const NAMES = {
  request: (id: string): string => `r/${id}/request.jws`,
  /** @param mark tells verdicts of one second apart */
  verdict: (id: string, iat: number, mark: string): string => `v/${id}/${iat}-${mark}.jws`,
  use: (id: string, n: number): string => `u/${id}/${n}.jws`,
  outcome: (id: string, n: number): string => `o/${id}/${n}.jws`,
  started: (id: string, n: number): string => `s/${id}/${n}.jws`,
  /** @param mark tells notices of one second apart */
  notice: (id: string, iat: number, mark: string): string => `n/${id}/${iat}-${mark}.jws`,
  held: (id: string): HeldName => `h/${id}/call.jwe`,
  /** Entries of the index, of a month (`2026-11`) and of what waits. */
  asked: (month: string, iat: number, id: string): string => `i/${month}/${iat}-${id}.idx`,
  waiting: (iat: number, id: string): WaitingName => `w/reviews/${iat}-${id}.idx`,
} as const

/** Where all of one kind are; `id` narrows it to one review, or to those whose ids begin with it. */
export const FOLDERS = {
  request: 'r/',
  verdict: 'v/',
  use: 'u/',
  outcome: 'o/',
  started: 's/',
  notice: 'n/',
} as const

/** Whether a text has the form of a review's id. */
export function isReviewId(text: string): boolean {
  return ID.test(text)
}

/** The id of the review that a name belongs to. */
export function idIn(name: string): string | null {
  return /^[rvuoshn]\/([a-z2-7]{16}-[1-9]\d{0,4})\//u.exec(name)?.[1] ?? null
}
