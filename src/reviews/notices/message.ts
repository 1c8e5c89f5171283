/**
 * What a channel is told of a review: where it is, and what it is about. Never anything of the body, of what would change or
 * of what people wrote: a channel has other readers than the review.
 * @module
 */
import { createHmac } from 'node:crypto'
import type { RequestDocument } from '../../approvals/documents.ts'

export type NoticeEvent =
  | 'requested'
  | 'reminder'
  | 'approved'
  | 'rejected'
  | 'withdrawn'
  | 'overridden'
  | 'access_requested'
  | 'access_given'
  | 'access_denied'
  | 'access_ended'
export type ChannelKind = 'teams' | 'slack' | 'webhook'

/** A POST, ready to be sent. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const TITLES: Readonly<Record<NoticeEvent, string>> = {
  requested: 'A change waits for its review',
  reminder: 'A change still waits for its review',
  approved: 'A change was approved',
  rejected: 'A change was rejected',
  withdrawn: 'A request for a review was withdrawn',
  overridden: 'A change was let through before its review, and is to be reviewed afterwards',
  access_requested: 'A request for access waits for its approvers',
  access_given: 'Access was given for a time',
  access_denied: 'A request for access was denied',
  access_ended: 'Access was ended before its time',
}

/** What a channel is told of: a review, or a grant. */
export interface Noticed {
  readonly word: 'review' | 'grant'
  readonly id: string
  /** At the gateway. */
  readonly path: string
  /** In words, what is to be done on what. */
  readonly about: string
  readonly author: string
  readonly action: string
  readonly resource: string
  /** Until when it waits, in seconds since the epoch. */
  readonly exp: number
}

export function noticeOfReview({ id, author, exp, call }: RequestDocument): Noticed {
  const { action, resource } = call
  return {
    word: 'review',
    id,
    path: `/_harness/api/reviews/${id}`,
    about: `${action.split('/').slice(1).join('/')} on ${resource.id}`,
    author,
    action,
    resource: resource.id,
    exp,
  }
}

/**
 * @param url of what it is about
 * @param signingKey of a plain webhook: its receiver can tell that the gateway has sent it; null for none
 */
export function messageOf(
  kind: ChannelKind,
  event: NoticeEvent,
  { word, id, author, exp, about, action, resource }: Noticed,
  url: string,
  signingKey: string | null,
): Message {
  const facts = { event, id, url, author, action, resource }
  const document =
    kind === 'teams'
      ? card(TITLES[event], [about, `asked for by ${author}`, `${word} ${id}`], word, url)
      : kind === 'slack'
        ? { text: `${TITLES[event]}: ${slackText(about)} (<${url}|${word} ${id}>)` }
        : { ...facts, expires: new Date(exp * 1_000).toISOString() }
  const body = JSON.stringify(document)
  const signature =
    signingKey === null
      ? {}
      : {
          'x-harness-signature-256': `sha256=${createHmac('sha256', signingKey).update(body).digest('hex')}`,
        }
  return { headers: { 'content-type': 'application/json', ...signature }, body }
}

/** What a workflow of Teams takes ("When a Teams webhook request is received"). */
function card(title: string, lines: readonly string[], word: Noticed['word'], url: string): object {
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          body: [block(title, { weight: 'Bolder' }), ...lines.map((line) => block(line))],
          actions: [{ type: 'Action.OpenUrl', title: `Open the ${word}`, url }],
        },
      },
    ],
  }
}

/** Names of resources are their callers' words: as code, nothing in them is a link, a mention or a mark. */
function slackText(text: string): string {
  const plain = text.replaceAll(/[`\p{Cc}]/gu, "'")
  return `\`${plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}\``
}

/** A text block reads Markdown. */
function cardText(text: string): string {
  return text.replaceAll(/[[\]()*_~`#<>]/gu, (mark) => `\\${mark}`)
}

function block(text: string, more: object = {}): object {
  return { type: 'TextBlock', text: cardText(text), wrap: true, ...more }
}
