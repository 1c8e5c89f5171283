/**
 * Ways into the computes of the workspace, and who their jobs are to the gateway.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import type { PolicySet } from '../../../policy/load/rules.ts'
import { CONFIG } from './roles.ts'
import { inside, is, isAtOrAbove, text, type Compute, type Subject } from './subject.ts'

const localAuth = findingsOf('local-authentication')
const ssh = findingsOf('ssh')
const idle = findingsOf('idle-shutdown')
const identities = findingsOf('compute-identities')

/** Those that Azure Machine Learning makes itself: others have their own ways in. */
const OWN_KINDS = ['amlcompute', 'computeinstance']

const whereOf = ({ name }: Compute): string => `computes/${name}`
const isInstance = ({ type }: Compute): boolean => type.toLowerCase() === 'computeinstance'

async function ownComputes(subject: Subject): Promise<readonly Compute[]> {
  const all = await subject.computes()
  return all.filter(({ type }) => OWN_KINDS.includes(type.toLowerCase()))
}

export async function checkLocalAuth(subject: Subject): Promise<Finding[]> {
  const found = (await ownComputes(subject))
    .filter(({ common }) => common.get('disableLocalAuth') !== true)
    .map((one) =>
      localAuth.failed(
        whereOf(one),
        'local authentication is on: whoever has its key or password gets in',
        'make it anew with disableLocalAuth',
      ),
    )
  return found.length > 0 ? found : [localAuth.ok(subject.id, 'is off everywhere')]
}

export async function checkSsh(subject: Subject): Promise<Finding[]> {
  const found = (await ownComputes(subject))
    .filter(hasOpenPort)
    .map((one) =>
      ssh.failed(
        whereOf(one),
        'its SSH port is open to the internet',
        'make it anew with the port disabled',
      ),
    )
  return found.length > 0 ? found : [ssh.ok(subject.id, 'no compute has an open port')]
}

/** Of a cluster, Azure opens the port if nothing is said and no subnet holds it. */
function hasOpenPort(compute: Compute): boolean {
  const { own } = compute
  if (isInstance(compute)) return is(inside(own, 'sshSettings'), 'sshPublicAccess', 'Enabled')
  if (is(own, 'remoteLoginPortPublicAccess', 'Disabled')) return false
  if (is(own, 'remoteLoginPortPublicAccess', 'Enabled')) return true
  return text(inside(own, 'subnet'), 'id') === ''
}

export async function checkIdleShutdown(subject: Subject): Promise<Finding[]> {
  const found = (await ownComputes(subject))
    .filter((one) => isInstance(one) && text(one.own, 'idleTimeBeforeShutdown') === '')
    .map((one) =>
      idle.warning(
        whereOf(one),
        'does not stop when nobody uses it',
        'set idleTimeBeforeShutdown, such as PT60M',
      ),
    )
  return found.length > 0 ? found : [idle.ok(subject.id, 'every compute instance has it')]
}

export async function checkComputeIdentities(subject: Subject): Promise<Finding[]> {
  const { ok, warning, unverified } = identities
  const { id, gateway } = subject
  const computes = (await subject.computes()).filter(({ principals }) => principals.length > 0)
  if (computes.length === 0) return [ok(id, 'no compute has an identity of its own')]
  if (gateway === null) return [unverified(id, 'the bindings are not known', CONFIG)]
  const bound = boundComputes(gateway.policies, id)
  return computes.map((one) => {
    const where = whereOf(one)
    const some = bound.all || one.principals.some((principal) => bound.ids.has(principal))
    return some
      ? ok(where, 'its identity is bound')
      : warning(
          where,
          'no binding is for its identity: jobs that call as it are refused',
          `bind the template "compute" for Compute::"<issuer>/<tenant id>/${one.principals[0] ?? ''}", or for Workspace::"${id.toLowerCase()}"`,
        )
  })
}

/** Object ids for which something is bound where it matters; `all`: the workspace's computes as a whole. */
function boundComputes(
  policies: PolicySet,
  id: string,
): { readonly all: boolean; readonly ids: ReadonlySet<string> } {
  const here = policies.bindings.bindings.filter(
    ({ shadow, resource }) => !shadow && isAtOrAbove(resource.id, id),
  )
  const all = here.some(
    ({ principal }) => principal.type === 'Workspace' && isAtOrAbove(principal.id, id),
  )
  const ids = here
    .filter(({ principal }) => principal.type === 'Compute')
    .map(({ principal }) => principal.id.split('/').at(-1)?.toLowerCase() ?? '')
  return { all, ids: new Set(ids) }
}
