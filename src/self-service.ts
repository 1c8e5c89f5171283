/**
 * What callers can ask the gateway about themselves, over the policies in force.
 * @module
 */
import { createAccess } from './access/access.ts'
import type { Config, SecretSource } from './config/schema/schema.ts'
import { ancestorsOf } from './policy/engine/entities.ts'
import type { Stages } from './pipeline.ts'
import type { LivePolicy } from './policy/reload.ts'
import { assess, accessOf } from './policy/review/effective-access.ts'

/** Its parts in the pipeline. */
export type SelfService = Pick<Stages, 'own' | 'refused' | 'answers'>

/** @param now milliseconds since the epoch */
export function createSelfService(
  { listen: { publicUrl }, issuers, operationKey, help: asked }: Config,
  { current }: Pick<LivePolicy, 'current'>,
  secrets: (source: SecretSource) => string,
  now: () => number,
): SelfService {
  const help = asked ?? null
  const { own, refused, whyPath } = createAccess({
    key: operationKey === undefined ? null : secrets(operationKey),
    now,
    help,
    policyVersion: () => current().version,
    accessOf: (principal) => accessOf(current(), principal),
    assess: (...question) => assess(current(), ...question),
    ancestorsOf,
  })
  const authorizationUri = issuers[0]?.issuer ?? null
  return { own, refused, answers: { publicUrl, authorizationUri, help, whyPath } }
}
