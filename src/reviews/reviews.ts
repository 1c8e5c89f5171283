/**
 * Reviews over the policies in force: the stage of the pipeline that a call goes through which needs one, and the calls
 * of those who review.
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { OwnCalls } from '../access/own-calls.ts'
import type { Recorder } from '../audit/recorder.ts'
import { isReviewId, type RequestDocument, type VerdictDocument } from '../approvals/documents.ts'
import { createDirectoryLedger } from '../approvals/ledger/directory.ts'
import type { Ledger } from '../approvals/ledger/ledger.ts'
import { createGrantStore } from '../approvals/grants/store.ts'
import { createHeldCalls } from '../approvals/held-calls.ts'
import { createRelease, reviewChanged, type Release, type Said } from '../approvals/release.ts'
import { createSignatures, type Signatures, type SigningKey } from '../approvals/signatures.ts'
import type { Owners } from '../approvals/state.ts'
import { createStore } from '../approvals/store.ts'
import type { Config, SecretSource } from '../config/schema/schema.ts'
import { createDescribe } from '../enforce/review/describe.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import type { DenyList } from '../identity/deny-list.ts'
import type { Principal } from '../identity/principal.ts'
import { createCache } from '../lib/caches/cache.ts'
import { isSafeUrl } from '../lib/http.ts'
import { counter, single, type Metric } from '../lib/metric.ts'
import type { Reviewed, Stages } from '../stages.ts'
import { isPermit, type Awaiting, type Facts, type Permit } from '../policy/decide.ts'
import { ownersOf, type OwnersLine } from '../policy/load/owners.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import type { GrantSource, LivePolicy } from '../policy/reload.ts'
import type { Broker } from '../token/broker.ts'
import { openGrants } from './grants/open.ts'
import { createHold } from './hold.ts'
import { noticeOfReview } from './notices/message.ts'
import { createLateWrites } from './late-writes.ts'
import { createNotifier, type Channel } from './notices/notifier.ts'
import { createReviewCalls } from './own-calls.ts'

export interface ReviewsOptions {
  readonly config: Config
  readonly policy: Pick<LivePolicy, 'current' | 'decide' | 'useGrants'>
  readonly ask: AskAzure
  readonly broker: Pick<Broker, 'credential'>
  readonly denyList: Pick<DenyList, 'deniesId'>
  readonly secrets: (source: SecretSource) => string
  /** Facts of a call that the gateway answers itself. */
  readonly callFacts: (principal: Principal) => Facts
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly audit: { readonly recorder: Pick<Recorder, 'event'> }
  readonly log: (fields: Record<string, unknown>, message: string) => void
}

export interface Reviews extends Pick<Stages, 'review' | 'reviewed'> {
  readonly own: OwnCalls
  /** The caller with the grants that the caller holds at this moment. */
  readonly holding: GrantSource['holding']
  /** Public keys; null if the gateway keeps no reviews. */
  readonly jwks: Signatures['jwks'] | null
  readonly metrics: () => readonly Metric[]
  /** Waits for the documents that are being written. */
  readonly close: () => Promise<void>
}

/** @throws Error for keys that cannot be used */
export async function createReviews(options: ReviewsOptions): Promise<Reviews> {
  const { approvals } = options.config
  if (approvals === undefined) return withoutReviews()
  const { policy, now, log, config } = options
  const signatures = await createSignatures(await keysOf(approvals.keys, options))
  let [forged, overrides] = [0, 0]
  const ledger = await ledgerOf(approvals.ledger, options)
  const onForged = (name: string): void => {
    forged++
    log({ name }, 'a document of the ledger is not what this gateway has signed')
  }
  const store = createStore(ledger, signatures, onForged)
  const linesOf = (call: RequestDocument['call']) => linesFor(policy.current(), call)
  const { publicUrl } = config.listen
  const channels = channelsOf(approvals, options.secrets)
  const notifier = createNotifier({ channels, store, publicUrl, now, log })
  const given = { ...options, tell: notifier.tell }
  const grants = openGrants(given, createGrantStore(ledger, signatures, onForged))
  const release = createRelease({
    store,
    publicUrl,
    onRequest: (request) => notifier.tell('requested', noticeOfReview(request)),
    ownersOf: (call) => linesOf(call).map(asOwners),
    isDenied: (id) => options.denyList.deniesId(id),
    now,
  })
  const held = createHeldCalls(ledger, heldKeyOf(options))
  const own = createReviewCalls({
    store,
    release,
    held,
    publicUrl,
    tell: notifier.tell,
    hasChannels: channels.length > 0,
    reminded: createCache<string, number>(MAX_REMINDED),
    ticketPattern: approvals.ticket === undefined ? null : new RegExp(approvals.ticket, 'u'),
    async alarm(...override) {
      overrides++
      await alarmOf(options, ...override)
    },
    decide: policy.decide,
    policyVersion: () => policy.current().version,
    ownersOf: linesOf,
    callFacts: options.callFacts,
    now,
  })
  const describe = createDescribe(options.ask)
  const late = createLateWrites()

  return {
    own: (...call) => grants.own(...call) ?? own(...call),
    holding: grants.holding,
    jwks: signatures.jwks,
    metrics: () => [
      counter('approvals_forged_documents_total', single(forged)),
      counter('approvals_overrides_total', single(overrides)),
      ...notifier.metrics(),
      ...grants.metrics(),
    ],
    review(exchange, judged, gathered, via, headers) {
      const said = saidIn(headers)
      if (isPermit(judged) && exchange.awaiting.length === 0) return withoutReview(judged, said)
      const reviewing = reviewOf({ describe, release }, exchange, { judged, gathered, via, said })
      return reviewing.catch(createHold({ held, publicUrl }, exchange, gathered, headers))
    },
    reviewed(exchange) {
      late.begin(
        async () => ended(release, exchange),
        (error) => {
          // without it, nobody knows how the use ended, and it is not given again
          const why = error instanceof Error ? error.message : typeof error
          log({ decision: exchange.id, why }, 'how the use of an approval ended was not written')
        },
      )
    },
    async close() {
      grants.close()
      await Promise.all([late.close(), notifier.close()])
    },
  }
}

function heldKeyOf({ config: { operationKey }, secrets }: ReviewsOptions): Buffer {
  // a key of this process alone: what is held by then is refused once it has ended
  return operationKey === undefined ? randomBytes(32) : Buffer.from(secrets(operationKey))
}

function linesFor(
  { owners }: PolicySet,
  { names, resource, ancestors }: RequestDocument['call'],
): readonly OwnersLine[] {
  return ownersOf(owners, { names, places: [resource, ...ancestors] })
}

async function alarmOf(
  { audit, log }: ReviewsOptions,
  { by, ticket, decision }: VerdictDocument,
  { id, call }: RequestDocument,
): Promise<void> {
  const fields = { review: id, by, ticket: ticket ?? '', decision, resource: call.resource.id }
  await audit.recorder.event('approval_override', fields)
  log(fields, 'a change was let through before its review')
}

/** @throws Error for a key that cannot be used */
function keysOf(
  keys: NonNullable<Config['approvals']>['keys'],
  { secrets, broker, config, now }: ReviewsOptions,
): Promise<readonly (string | SigningKey)[]> {
  const timeoutMs = Math.min(config.limits.upstreamTimeoutMs, MAX_LEDGER_MS)
  return Promise.all(
    keys.map(async (key, index) => {
      if (!('keyVault' in key)) return secrets(key)
      const credential = broker.credential(key.identity)
      // Azure's packages are large: they are loaded where they are used only
      const { openVaultKey } = await import('../approvals/key-vault.ts')
      return openVaultKey({ id: key.keyVault, credential, signs: index === 0, timeoutMs, now })
    }),
  )
}

async function ledgerOf(
  ledger: NonNullable<Config['approvals']>['ledger'],
  { broker, config }: ReviewsOptions,
): Promise<Ledger> {
  if ('directory' in ledger) return createDirectoryLedger(ledger.directory)
  const { createBlobLedger } = await import('../approvals/ledger/blob.ts')
  return createBlobLedger({
    container: ledger.container,
    credential: broker.credential(ledger.identity),
    timeoutMs: Math.min(config.limits.upstreamTimeoutMs, MAX_LEDGER_MS),
  })
}

const MAX_LEDGER_MS = 10_000
const MAX_REMINDED = 10_000

/** @throws Error for a URL that would carry a notice in clear */
function channelsOf(
  { notify = [] }: NonNullable<Config['approvals']>,
  secrets: (source: SecretSource) => string,
): readonly Channel[] {
  return notify.map(({ name, kind, url, signingKey }) => {
    const secret = secrets(url)
    if (!isSafeUrl(secret)) throw new Error(`the URL of the channel "${name}" is no https URL`)
    return {
      name,
      kind,
      url: secret,
      signingKey: signingKey === undefined ? null : secrets(signingKey),
    }
  })
}

/** A gateway that keeps no reviews: what waits for one is refused. */
function withoutReviews(): Reviews {
  return {
    own: () => null,
    holding: (principal) => principal,
    jwks: null,
    metrics: () => [],
    review(exchange, judged, _gathered, _via, headers) {
      if (isPermit(judged) && exchange.awaiting.length === 0)
        return withoutReview(judged, saidIn(headers))
      const decision = isPermit(judged) ? null : judged.decision
      throw new Refusal('policy_refused', decision?.reason ?? 'this call needs a review', {
        policies: decision?.policies ?? exchange.awaiting.flatMap((one) => one.decision.policies),
        remedy: 'it needs a review, and this gateway keeps none ("approvals" of its configuration)',
      })
    },
    reviewed: () => undefined,
    close: async () => undefined,
  }
}

function withoutReview(permit: Permit, { asksOnly, under }: Said): Reviewed {
  if (under !== null) throw reviewChanged(under)
  if (asksOnly)
    throw new Refusal('bad_request', 'this call needs no review, and was not made', {
      remedy: 'make it without the header "x-harness-review"',
    })
  return { permit, proof: null }
}

function asOwners({ reviewers, required, each }: OwnersLine): Owners {
  return { reviewers: reviewers.map(({ type, id }) => `${type}::${id}`), required, each }
}

interface Call {
  readonly judged: Permit | Awaiting
  readonly gathered: Parameters<Stages['review']>[2]
  readonly via: Via
  readonly said: Said
}

async function reviewOf(
  parts: { readonly describe: ReturnType<typeof createDescribe>; readonly release: Release },
  exchange: Exchange,
  { judged, gathered, via, said }: Call,
): Promise<Reviewed> {
  const { principal, operation, target, decision } = exchange
  if (principal === null || operation === null || target === null || decision === null)
    throw new Refusal('internal_error', 'the gateway failed to judge this request')
  const waiting = [...(isPermit(judged) ? [] : [judged]), ...exchange.awaiting]
  const asks = new Map(
    waiting.flatMap(({ approval }) => approval.asks).map((ask) => [ask.policy, ask]),
  )
  const strict = [...asks.values()].some(({ rule }) => rule.base === 'strict')
  const described = await parts.describe(exchange, gathered, via, strict)
  const { action, effect, resource, scope } = operation
  const proof = await parts.release.release({
    author: principal.id,
    client: principal.client,
    call: {
      method: exchange.method,
      action,
      effect,
      resource: { type: resource.type, id: resource.id },
      ancestors: resource.ancestors.map(({ type, id }) => ({ type, id })),
      scope,
      target: target.query === '' ? target.path : `${target.path}?${target.query}`,
    },
    bodyDigest: described.bodyDigest,
    baseDigest: described.baseDigest,
    asks: [...asks.values()],
    policyVersion: decision.version,
    decision: exchange.id,
    details: described.details,
    said,
  })
  return { permit: isPermit(judged) ? judged : judged.released(proof), proof }
}

async function ended(release: Release, { id, review, upstream }: Exchange): Promise<void> {
  if (review === null) return
  const status = upstream?.status ?? null
  // what was never sent has failed; what was sent and not answered may have been done
  const outcome =
    upstream === null ? 'failed' : status === null ? 'unknown' : status < 400 ? 'success' : 'failed'
  await release.ended(review, id, outcome, status)
}

const MAX_SAID = 500
const NOTHING_SAID: Said = { reason: null, ticket: null, asksOnly: false, under: null }
const SAID = /^[\x20-\x7e]*$/u

/** What the author says of the call, in headers that never reach Azure. @throws {Refusal} `bad_header` */
function saidIn(headers: Readonly<Record<string, string | string[] | undefined>>): Said {
  const asks = headers['x-harness-review']
  const why = headers['x-harness-review-reason'] ?? headers['x-harness-review-ticket']
  if (asks === undefined && why === undefined) return NOTHING_SAID
  const isId = typeof asks === 'string' && isReviewId(asks)
  if (asks !== undefined && asks !== 'request' && !isId)
    throw new Refusal('bad_header', '"x-harness-review" is "request" or the id of a review')
  return {
    reason: textOf(headers, 'x-harness-review-reason'),
    ticket: textOf(headers, 'x-harness-review-ticket'),
    asksOnly: asks === 'request',
    under: isId ? asks : null,
  }
}

/** Percent-encoded UTF-8, because a header is ASCII. */
function textOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string | null {
  const value = headers[name]
  if (value === undefined) return null
  const text = typeof value === 'string' && SAID.test(value) ? decoded(value) : null
  if (text === null || text.trim() === '' || text.length > MAX_SAID || /\p{Cc}/u.test(text))
    throw new Refusal(
      'bad_header',
      `"${name}" is percent-encoded text of one line, at most ${MAX_SAID} characters`,
    )
  return text.trim()
}

function decoded(value: string): string | null {
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}
