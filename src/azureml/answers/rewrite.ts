/**
 * URLs in Azure's answers: made the gateway's own, or the answer is refused.
 *
 * Clients of every language send their bearer to whatever host stands there and do not compare origins, so a
 * foreign host must never reach them.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { isPlain, type Hosts } from '../hosts/hosts.ts'
import type { StringMap } from './mapped-strings.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { withoutSecrets } from './secrets.ts'
import { checkFollowed, written } from './links.ts'
import { endpointOf, NOT_SERVED } from '../classify/scoring.ts'

/**
 * Places of artifacts that MLflow's clients reach by HTTP, with their token. Without a dot it is no host:
 * `azureml://datastores/...`.
 */
const FOLLOWED = /^\s*(?:https?:|mlflow-artifacts:\/\/[^/]|azureml:\/\/[^/?#]*[.@:])/i

/** Headers that clients follow. */
const URL_HEADERS = [
  'location',
  'azure-asyncoperation',
  'operation-location',
  'content-location',
] as const

/** The headers of an answer as Node has them: names in lower case. */
export type AnswerHeaders = Record<string, string | string[] | number | undefined>

/**
 * Rewrites the URL-bearing headers in place. Relative URLs become absolute ones, because Python's ARM polling
 * ignores a URL without a host.
 *
 * @param scope workspace or registry of the operation answered
 * @throws {Refusal} `upstream_foreign_url` or `upstream_bad_answer`
 */
export function rewriteHeaders(
  headers: AnswerHeaders,
  hosts: Hosts,
  scope: string | null = null,
): void {
  for (const name of URL_HEADERS) {
    const value = headers[name]
    if (value === undefined) continue
    if (typeof value !== 'string') {
      throw new Refusal('upstream_bad_answer', `the answer has more than one ${name} header`)
    }
    headers[name] = rewriteLink(value, hosts, scope, name)
  }
}

/** Headers that clients send back as they are, so that no part of one can be left out. */
const SENT_BACK: ReadonlySet<string> = new Set(['etag', 'x-ms-continuation', ...URL_HEADERS])

/** Takes secrets out of the headers that say something, in place. */
export function redactHeaders(headers: Record<string, string>): void {
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && !SENT_BACK.has(name)) headers[name] = withoutSecrets(value)
  }
}

/**
 * The gateway's absolute URL for an absolute or root-relative one of Azure's.
 *
 * @param where header or field that has it, for the refusal
 * @throws {Refusal} `upstream_foreign_url`
 */
export function rewriteUrl(
  value: string,
  hosts: Hosts,
  scope: string | null,
  where: string,
): string {
  // some clients read `//host` and `/\host` as absolute URLs
  const url = /^\/(?![/\\])[!$-;=?-[\]_a-z~]*$/i.test(value)
    ? `${hosts.publicUrl}${value}`
    : hosts.toGateway(value, scope)
  if (url !== null) return url
  throw new Refusal(
    'upstream_foreign_url',
    isPlain(value)
      ? `${where} points to a host that is not served here`
      : `${where} is no URL that all clients read in the same way`,
  )
}

/**
 * The same for one that clients follow as it is.
 *
 * @throws {Refusal} `upstream_foreign_url`, or `upstream_bad_answer` if the gateway would refuse who followed it
 */
function rewriteLink(value: string, hosts: Hosts, scope: string | null, where: string): string {
  const url = rewriteUrl(written(value), hosts, scope, where)
  checkFollowed(url, hosts.publicUrl, where)
  return url
}

/**
 * The map for a JSON rewriter: what becomes of the value of each kind of field (json-plan.ts).
 *
 * @param operation the one answered
 */
export function createFieldMap(hosts: Hosts, operation: Operation): StringMap {
  const { scope } = operation
  const endpoint = endpointOf(operation)
  return (value, kind) => {
    if (value === '') return value
    if (kind === 'page') return rewriteLink(value, hosts, scope, 'link to the next page')
    if (kind === 'url') return rewriteUrl(value, hosts, scope, 'a field')
    const served = hosts.toGateway(value, scope, endpoint)
    // an endpoint on another host (Kubernetes): calls to it end at the gateway, so that no token leaves to that host
    if (kind === 'scoring' || (kind === 'artifacts' && FOLLOWED.test(value)))
      return served ?? `${hosts.publicUrl}${NOT_SERVED}`
    return served ?? value
  }
}

/** Maps that are kept: one for each workspace, and one for each endpoint. */
const MAX_MAPS = 64

/** The same one for all operations that it cannot tell apart, because a map's answers are kept with it. */
export function createFieldMaps(hosts: Hosts): (operation: Operation) => StringMap {
  const maps = createCache<string, StringMap>(MAX_MAPS)
  return (operation) => {
    const key = JSON.stringify([operation.scope, endpointOf(operation)])
    const known = maps.get(key)
    if (known !== undefined) return known
    const map = createFieldMap(hosts, operation)
    maps.set(key, map)
    return map
  }
}
