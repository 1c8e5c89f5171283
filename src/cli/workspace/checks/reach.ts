/**
 * Whether people get to the workspace through the gateway: bindings that reach it, and what clients are told.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { fetchJson } from '../../../lib/http.ts'
import type { Binding } from '../../../policy/load/bindings.ts'
import type { PolicySet } from '../../../policy/load/rules.ts'
import { CONFIG } from './roles.ts'
import { isAtOrAbove, type Subject } from './subject.ts'

const bindings = findingsOf('bindings')
const clients = findingsOf('clients')
const TIMEOUT_MS = 10_000

/** Bindings in force on the workspace and above it. @param shadow those without effect, too */
export function bindingsAt(policies: PolicySet, id: string, shadow = false): readonly Binding[] {
  return policies.bindings.bindings.filter(
    (one) =>
      (shadow || !one.shadow) && isResource(one.resource.type) && isAtOrAbove(one.resource.id, id),
  )
}

export async function checkReach({ id, gateway }: Subject): Promise<Finding[]> {
  if (gateway === null) return [bindings.unverified(id, 'the bindings are not known', CONFIG)]
  const reaching = bindingsAt(gateway.policies, id, true)
  const found = reaching
    .filter(({ shadow }) => !shadow)
    .map(({ id: name, template, principal, resource }) =>
      bindings.ok(
        name,
        `${template} for ${principal.type}::"${principal.id}"${
          resource.id.toLowerCase() === id.toLowerCase() ? '' : `, by ${resource.id}`
        }`,
      ),
    )
  if (found.length > 0) return found
  const next = 'azureml-harness workspace onboard writes bindings for groups'
  const what =
    reaching.length > 0 ? 'only bindings without effect reach it' : 'no binding reaches it'
  return [bindings.failed(id, what, next)]
}

const isResource = (type: string): boolean =>
  ['Workspace', 'ResourceGroup', 'Subscription'].includes(type)

/** Asks as clients do, with the certificates that this machine trusts. */
export async function checkClients({ gateway }: Subject): Promise<Finding[]> {
  const { ok, failed, unverified } = clients
  if (gateway === null) return [unverified('listen.publicUrl', 'is not known', CONFIG)]
  const { publicUrl } = gateway.config.listen
  const url = `${new URL(publicUrl).origin}/metadata/endpoints?api-version=2019-05-01`
  const answer = await fetchJson(url, AbortSignal.timeout(TIMEOUT_MS))
  if (answer.ok && answer.status === 200)
    return [ok(publicUrl, 'clients find it, and its certificate is trusted here')]
  const why = answer.ok ? `status ${answer.status}` : answer.why
  return [
    failed(
      publicUrl,
      `clients do not find it from here: ${why}`,
      'start the gateway; trust its certificate (NODE_EXTRA_CA_CERTS here); see that its name leads to it',
    ),
  ]
}
