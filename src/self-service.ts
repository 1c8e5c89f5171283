/**
 * What callers can ask the gateway itself, over the policies in force: about their own access, and about reviews.
 * @module
 */
import { createAccess } from './access/access.ts'
import type { OwnRequest } from './access/own-calls.ts'
import { readBody } from './azureml/body/read.ts'
import type { Config, SecretSource } from './config/schema/schema.ts'
import { parseJson } from './lib/json/document.ts'
import { ancestorsOf } from './policy/engine/entities.ts'
import type { Stages } from './stages.ts'
import type { LivePolicy } from './policy/reload.ts'
import { accessOf, assess, namesTold } from './policy/review/effective-access.ts'
import { waysTo } from './policy/review/ways.ts'
import { mayDo, placeNamed } from './policy/review/who-can.ts'
import type { Reviews } from './reviews/reviews.ts'

/** Its parts in the pipeline. */
export type SelfService = Pick<Stages, 'own' | 'refused' | 'answers'>

/** A verdict with its comment is shorter. */
const MAX_BODY_BYTES = 32_768

/** @param now milliseconds since the epoch */
export function createSelfService(
  { listen: { publicUrl }, issuers, operationKey, help: asked }: Config,
  parts: { readonly policy: Pick<LivePolicy, 'current'>; readonly reviews: Pick<Reviews, 'own'> },
  secrets: (source: SecretSource) => string,
  now: () => number,
): SelfService {
  const { current } = parts.policy
  const help = asked ?? null
  const { own, refused, why } = createAccess({
    key: operationKey === undefined ? null : secrets(operationKey),
    now,
    help,
    policyVersion: () => current().version,
    accessOf: (principal) => accessOf(current(), principal),
    assess: (...question) => assess(current(), ...question),
    waysTo: (question) => waysTo(current(), question, now()),
    placeOf: (principal, on) =>
      placeNamed(
        current(),
        on,
        accessOf(current(), principal).bindings.map(({ resource }) => resource),
      ),
    mayDo: (...question) => mayDo(current(), ...question),
    ancestorsOf,
  })
  const authorizationUri = issuers[0]?.issuer ?? null
  return {
    own({ id }, { target, principal, incoming }, make, progress) {
      const request: OwnRequest = {
        decision: id,
        make,
        keep: (content) => progress.kept(content),
        async read() {
          const { stream, headers } = incoming
          const body = await readBody(stream, headers, MAX_BODY_BYTES, progress)
          // says what is wrong with it, and where
          parseJson(body)
          return JSON.parse(body.toString('utf8')) as unknown
        },
      }
      return parts.reviews.own(target, principal, request) ?? own(target, principal, request)
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
