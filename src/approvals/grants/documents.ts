/**
 * The documents that a grant consists of: the request, extensions of it, and what people decided about them. They are
 * signed, written once and never changed.
 * @module
 */
import { createHash } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { memoOf, memoOfPairs } from '../../lib/memo.ts'

const strict = { additionalProperties: false }
const Text = Type.String({ minLength: 1, maxLength: 4_096 })
const OrNull = Type.Union([Text, Type.Null()])
const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' })
/** Seconds since the epoch, as in any JWS. */
const Seconds = Type.Integer({ minimum: 0 })
const Length = Type.Integer({ minimum: 1 })
const Id = Type.String({ pattern: '^[a-z2-7]{16}-[1-9][0-9]{0,4}$' })
const Uid = Type.Object({ type: Text, id: Text }, strict)

/** What a rule of `requests.yaml` says, as far as a grant depends on it: a grant ends with its rule. */
const Terms = Type.Object(
  {
    template: Text,
    who: Type.Union([Type.Array(Uid), Type.Null()]),
    within: Type.Union([Uid, Type.Null()]),
    /** Seconds. */
    most: Length,
    reviewers: Type.Integer({ minimum: 0, maximum: 9 }),
    approvers: Type.Array(Uid),
    stepUp: Type.Union([
      Type.Object(
        {
          maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 1 })),
          methods: Type.Optional(Type.Array(Text)),
        },
        strict,
      ),
      Type.Null(),
    ]),
  },
  strict,
)

/** Who said something, and how they had signed in. */
const said = {
  by: Text,
  /** Of the rule's approvers, those that the token carried, as `Type::id`. */
  groups: Type.Array(Text),
  signInAt: Type.Union([Seconds, Type.Null()]),
  methods: Type.Array(Text),
  iat: Seconds,
  policyVersion: Text,
  /** Id of the exchange. */
  decision: Text,
}

const Request = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('grant-request'),
    id: Id,
    /** The gateway, by its public URL. */
    iss: Text,
    /** Until when it waits for its approvers. */
    exp: Seconds,
    ...said,
    /** Who gets it: whoever asks, or whom an approver names. */
    grantee: Uid,
    template: Text,
    /** Of the template's text. */
    templateDigest: Digest,
    resource: Uid,
    /** For how long, from the approval that decided. */
    seconds: Length,
    terms: Terms,
    reason: Text,
    ticket: OrNull,
  },
  strict,
)

const Extension = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('grant-extension'),
    id: Id,
    /** Digest of the request. */
    shown: Digest,
    /** Counted from 1. */
    n: Type.Integer({ minimum: 1, maximum: 999 }),
    ...said,
    seconds: Length,
    reason: Text,
  },
  strict,
)

const Verdict = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('grant-verdict'),
    id: Id,
    verdict: Type.Union([Type.Literal('approve'), Type.Literal('deny'), Type.Literal('end')]),
    /** 0 for the request, otherwise the number of the extension. */
    n: Type.Integer({ minimum: 0, maximum: 999 }),
    /** Digest of the request and of the extension, if it is about one. */
    shown: Digest,
    ...said,
    comment: OrNull,
  },
  strict,
)

const SCHEMAS = [Request, Extension, Verdict]

export type GrantRequest = Static<typeof Request>
export type GrantExtension = Static<typeof Extension>
export type GrantVerdict = Static<typeof Verdict>
export type GrantDocument = GrantRequest | GrantExtension | GrantVerdict
export type GrantTerms = Static<typeof Terms>

/** Whether a value is a document of a grant in every member. */
export function isGrantDocument(value: unknown): value is GrantDocument {
  return SCHEMAS.some((schema) => Value.Check(schema, value))
}

/** Where all of them are. */
export const GRANTS_FOLDER = 'g/'

const NAME = /^g\/([a-z2-7]{16}-[1-9]\d{0,4})\/[a-z0-9-]+\.jws$/u

/** The id of the grant that a name belongs to; null if it belongs to none. */
export function grantIn(name: string): string | null {
  return NAME.exec(name)?.[1] ?? null
}

/** Where a document belongs: it says so itself, so that one cannot be put in the place of another. */
export function nameOfGrant(document: GrantDocument): string {
  const { id } = document
  switch (document.kind) {
    case 'grant-request':
      return `${GRANTS_FOLDER}${id}/request.jws`
    case 'grant-extension':
      return `${GRANTS_FOLDER}${id}/extension-${document.n}.jws`
    case 'grant-verdict':
      // those of one second are told apart by their exchanges
      return `${GRANTS_FOLDER}${id}/${document.iat}-${sha256(document.decision).slice(0, 16)}.jws`
    default:
      return document satisfies never
  }
}

/** What people are shown and decide about: the request, and the extension if there is one. */
export function shownDigestOf(request: GrantRequest, extension: GrantExtension | null): string {
  return extension === null ? digestAlone(request) : digestWith(request, extension)
}

// a grant is judged at each call, and its documents do not change
const digestAlone = memoOf((request: GrantRequest) => sha256(JSON.stringify([request, null])))
const digestWith = memoOfPairs((request: GrantRequest, extension: GrantExtension) =>
  sha256(JSON.stringify([request, extension])),
)

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
