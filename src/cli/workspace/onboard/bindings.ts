/**
 * The bindings and lines of owners that a profile wants for a workspace, and which of them the policies lack.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Profile } from '../../../config/schema/profile.ts'
import type { Source } from '../../../policy/load/bindings.ts'
import type { Uid } from '../../../policy/load/conditions.ts'
import { OWNERS_FILE, readOwners } from '../../../policy/load/owners.ts'
import { SEPARATE } from '../../../policy/load/load.ts'
import type { PolicySet } from '../../../policy/load/rules.ts'
import { UsageError } from '../../problem.ts'
import { isAtOrAbove } from '../checks/subject.ts'

/** Who is meant by a name of the profile. */
export interface Given {
  readonly name: string
  readonly principal: Uid
}

const PRINCIPAL = /^([a-z][a-z0-9-]{0,62})=(Group|Role|User|Service|Compute)::"([^"\\\s]+)"$/u

/** `NAME=Group::"issuer/..."` each. @throws UsageError for anything else, and for names that the profile has not */
export function givenOf(pairs: readonly string[], profile: Profile): readonly Given[] {
  const names = Object.keys(profile.groups)
  return pairs.map((pair) => {
    const [, name, type, id] = PRINCIPAL.exec(pair) ?? []
    if (name === undefined || type === undefined || id === undefined)
      throw new UsageError(
        `--group is NAME=Group::"ISSUER/ID", or Role, User, Service or Compute, not ${pair}`,
      )
    if (!names.includes(name))
      throw new UsageError(`the profile has no group "${name}"; it has ${names.join(', ')}`)
    return { name, principal: { type, id } }
  })
}

interface Wanted {
  readonly name: string
  readonly template: string
  readonly principal: Uid
  readonly resource: Uid
}

export interface Lacking {
  /** Files of `bindings.d/` that are to be added. */
  readonly bindings: readonly Source[]
  /** The lines of owners.yaml that are to be added, as a file; null if there are none. */
  readonly owners: Source | null
  /** Bindings that are there already, by their ids. */
  readonly present: readonly string[]
}

/** What the policies lack of what the profile wants for these groups. */
export function lackingIn(
  policies: PolicySet,
  profile: Profile,
  given: readonly Given[],
  id: string,
): Lacking {
  const resource = { type: 'Workspace', id: id.toLowerCase() }
  const wanted: Wanted[] = given.flatMap(({ name, principal }) => {
    const template = profile.groups[name]?.template
    return template === undefined ? [] : [{ name, template, principal, resource }]
  })
  if (profile.computes !== undefined)
    wanted.push({ name: 'computes', template: profile.computes, principal: resource, resource })
  const present: string[] = []
  const bindings: Source[] = []
  const taken = new Set(policies.written.bindings.bindings.map((one) => one.id))
  for (const one of wanted) {
    const known = presentIn(policies, one)
    if (known !== null) {
      present.push(known)
      continue
    }
    const name = freeName(one, taken)
    taken.add(name)
    bindings.push({ file: `${SEPARATE}/${name}.yaml`, text: bindingText(one) })
  }
  return { bindings, owners: lackingOwners(policies, profile, given, resource), present }
}

const same = (a: Uid, b: Uid): boolean => a.type === b.type && a.id === b.id

/** The binding in force that gives the same to the same, on the workspace or above it. */
function presentIn(policies: PolicySet, wanted: Wanted): string | null {
  const found = policies.bindings.bindings.find(
    ({ template, principal, resource, shadow }) =>
      !shadow &&
      template === wanted.template &&
      same(principal, wanted.principal) &&
      isAtOrAbove(resource.id, wanted.resource.id),
  )
  return found?.id ?? null
}

const MAX_NAME = 63

/** A binding's id that no other has: of the group and the workspace, with a part of a hash where that is taken. */
function freeName({ name, principal, resource }: Wanted, taken: ReadonlySet<string>): string {
  const workspace = resource.id.slice(resource.id.lastIndexOf('/') + 1)
  const plain = `${name}-on-${workspace}`.replaceAll(/[^a-z0-9-]/gu, '-')
  if (plain.length <= MAX_NAME && !taken.has(plain)) return plain
  const hash = createHash('sha256').update(`${principal.id} ${resource.id}`).digest('hex')
  return `${plain.slice(0, MAX_NAME - 9)}-${hash.slice(0, 8)}`
}

function bindingText({ name, template, principal, resource }: Wanted): string {
  return `# Written by: azureml-harness workspace onboard. Of ${name}.
template: ${template}
principal: ${principal.type}::"${principal.id}"
resource: ${resource.type}::"${resource.id}"
`
}

function lackingOwners(
  policies: PolicySet,
  profile: Profile,
  given: readonly Given[],
  workspace: Uid,
): Source | null {
  const lines = given.flatMap(({ name, principal }) => {
    const owns = profile.groups[name]?.owns
    if (owns === undefined) return []
    const known = policies.owners.some(
      ({ pattern, within, reviewers }) =>
        pattern === owns &&
        (within === null || isAtOrAbove(within.id, workspace.id)) &&
        reviewers.some((one) => one.type === principal.type && one.id === principal.id),
    )
    return known ? [] : [ownersLine(owns, principal, workspace)]
  })
  if (lines.length === 0) return null
  return { file: OWNERS_FILE, text: `${OWNERS_HEAD}owners:\n${lines.join('')}` }
}

const OWNERS_HEAD =
  '# Written by: azureml-harness workspace onboard. The last line that matches counts.\n'

const ownersLine = (pattern: string, principal: Uid, workspace: Uid): string =>
  `  - models: '${pattern.replaceAll("'", "''")}'
    in: ${workspace.type}::"${workspace.id}"
    reviewers: ['${principal.type}::"${principal.id.replaceAll("'", "''")}"']
`

/** Faults of the lines of owners, as the gateway finds them. */
export function ownersFaults(
  { owners }: Lacking,
  policies: PolicySet,
  issuers: readonly string[],
): ReturnType<typeof readOwners>['faults'] {
  if (owners === null) return []
  return readOwners(owners.file, owners.text, policies.written.bindings.names, issuers).faults
}
