/**
 * What callers can ask the gateway itself, over the policies in force: about their own access, about reviews, and about
 * what the gateway did and how it is.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { createAccess } from './access/access.ts'
import type { OwnCallOptions, OwnCalls, OwnRequest } from './access/own-calls.ts'
import type { Audit } from './audit/open.ts'
import { readBody } from './azureml/body/read.ts'
import type { Config, SecretSource } from './config/schema/schema.ts'
import { ownCallFacts } from './exchange.ts'
import type { Readiness } from './http/readiness.ts'
import type { Identify } from './identity/identify.ts'
import { parseJson } from './lib/json/document.ts'
import { ancestorsOf } from './policy/engine/entities.ts'
import type { Stages } from './stages.ts'
import type { LivePolicy } from './policy/reload.ts'
import { accessOf, assess, namesTold } from './policy/review/effective-access.ts'
import { grantFor, waysTo } from './policy/review/ways.ts'
import { mayDo, nearestAction, placeNamed } from './policy/review/who-can.ts'
import type { Sightings } from './policy/sightings.ts'
import { createInsightCalls } from './records/own-calls.ts'
import { createPageTokens } from './records/page-token.ts'
import type { Reviews } from './reviews/reviews.ts'
import type { Broker } from './token/broker.ts'

/** Its parts in the pipeline. */
export type SelfService = Pick<Stages, 'own' | 'refused' | 'answers'>

/** A verdict with its comment is shorter. */
const MAX_BODY_BYTES = 32_768

/** What the answers are about. */
interface SelfServiceParts {
  readonly policy: Pick<LivePolicy, 'current' | 'decide'>
  readonly reviews: Pick<Reviews, 'own' | 'holding'>
  readonly audit: Pick<Audit, 'records' | 'state'>
  readonly identify: Pick<Identify, 'issuers'>
  readonly broker: Pick<Broker, 'states'>
  readonly sightings: Pick<Sightings, 'since' | 'lastUse'>
  readonly readiness: () => Readiness
}

/** @param now milliseconds since the epoch */
export function createSelfService(
  config: Config,
  parts: SelfServiceParts,
  secrets: (source: SecretSource) => string,
  now: () => number,
): SelfService {
  const { publicUrl } = config.listen
  const { current } = parts.policy
  const help = config.help ?? null
  const key = config.operationKey === undefined ? null : secrets(config.operationKey)
  const placeOf: OwnCallOptions['placeOf'] = (principal, on) =>
    placeNamed(
      current(),
      on,
      accessOf(current(), principal).bindings.map(({ resource }) => resource),
    )
  const { own, refused, refusedCall, why } = createAccess({
    key,
    now,
    help,
    policyVersion: () => current().version,
    accessOf: (principal) => accessOf(current(), principal),
    assess: (...question) => assess(current(), ...question),
    waysTo: (question) => waysTo(current(), question, now()),
    placeOf,
    mayDo: (...question) => mayDo(current(), ...question),
    nearestAction: (name) => nearestAction(current(), name),
    ancestorsOf,
    offersGrant: (principal, call) =>
      config.approvals !== undefined && grantFor(current(), principal, call) !== null,
  })
  const insight = insightOf(config, parts, { key, placeOf, now })
  const authorizationUri = config.issuers[0]?.issuer ?? null
  return {
    own({ id }, { target, principal: caller, request: incoming }, make, progress) {
      if (target.segments[0] !== '_harness') return null
      // a session of the console is not identified by each request, and may have been granted something since
      const principal = parts.reviews.holding(caller)
      const request: OwnRequest = {
        decision: id,
        accept: incoming.headers.accept,
        make: (held) => make(caller, incoming, held),
        refused: refusedCall,
        keep: (content) => progress.kept(content),
        async read() {
          const body = await readBody(incoming, incoming.headers, MAX_BODY_BYTES, progress)
          // says what is wrong with it, and where
          parseJson(body)
          return JSON.parse(body.toString('utf8')) as unknown
        },
      }
      return (
        parts.reviews.own(target, principal, request) ??
        insight(target, principal, request) ??
        own(target, principal, request)
      )
    },
    refused,
    answers: {
      publicUrl,
      authorizationUri,
      help,
      why,
      namesTold: ({ principal, operation }, policies) =>
        principal === null || operation === null
          ? []
          : namesTold(current(), principal, operation, policies),
    },
  }
}

/** The calls about records, policies and state. */
function insightOf(
  config: Config,
  { policy, audit, identify, broker, sightings, readiness }: SelfServiceParts,
  {
    key,
    placeOf,
    now,
  }: Pick<OwnCallOptions, 'placeOf'> & { readonly key: string | null; readonly now: () => number },
): OwnCalls {
  return createInsightCalls({
    publicUrl: config.listen.publicUrl,
    records: audit.records,
    // without a key that all replicas have, the next page is to be asked of the same one
    pages: createPageTokens(key === null ? randomBytes(32) : Buffer.from(key), now),
    placeOf,
    decide: policy.decide,
    current: policy.current,
    callFacts: ownCallFacts(now),
    directory: config.policies.directory,
    uses: { since: sightings.since, of: sightings.lastUse },
    state: () => ({
      readiness: readiness(),
      audit: audit.state(),
      issuers: identify.issuers(),
      tokens: broker.states(),
      identities: Object.keys(config.identities),
    }),
    now,
  })
}
