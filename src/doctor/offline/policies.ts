/**
 * Policies: they load, their cases are decided as written, and bindings reach the workspaces that are named.
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config/schema/schema.ts'
import { checkSignIn } from '../../identity/sign-in.ts'
import { PolicyError } from '../../policy/load/faults.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { runCases } from '../../policy/review/cases.ts'
import { findingsOf, type Finding } from '../finding.ts'
import { usesOf } from '../identities.ts'
import { readPolicies } from '../policies.ts'

const { warning, failed } = findingsOf('policies')
const DIRECTORY = 'policies.directory'
const BINDINGS = 'policies.bindings'
/** What examples have where an id of one's own belongs. */
const PLACEHOLDER = /00000000-0000-0000-0000-000000000000/
const KINDS_ABOVE = ['Workspace', 'ResourceGroup', 'Subscription']

export async function checkPolicies(config: Config): Promise<Finding[]> {
  const [set, faults] = await readPolicies(config)
  if (set === null) return faults.map((one) => ({ ...one, where: `${DIRECTORY}: ${one.where}` }))
  return [...(await checkCases(config, set)), ...checkReach(config, set), ...checkUses(config, set)]
}

async function checkCases({ policies, identities }: Config, set: PolicySet): Promise<Finding[]> {
  const { directory } = policies
  const files = (await readdir(directory)).filter((name) => name.endsWith('.tests.yaml')).sort()
  if (files.length === 0)
    return [
      warning(
        DIRECTORY,
        'no file of cases (*.tests.yaml) says what the policies must permit and refuse',
        'write one beside the policies: docs/policy.md',
      ),
    ]
  const names = { identities: Object.keys(identities), issuers: [] }
  const found: Finding[] = []
  for (const file of files) {
    const text = await readFile(join(directory, file), 'utf8')
    found.push(...casesIn(set, { file, text }, names))
  }
  return found
}

function casesIn(
  set: PolicySet,
  source: Parameters<typeof runCases>[1],
  names: Parameters<typeof runCases>[2],
): Finding[] {
  const next = 'see all of them: azureml-harness policy test --config FILE'
  try {
    return runCases(set, source, names, checkSignIn).flatMap(({ file, name, wrong }) =>
      wrong === null ? [] : [failed(DIRECTORY, `${file}: ${name}: ${wrong}`, next)],
    )
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.faults.map(({ file, line, message, suggestion }) =>
      failed(DIRECTORY, `${file}:${line}: ${message}`, suggestion ?? next),
    )
  }
}

/** Every workspace that configuration or bindings name is in reach of a binding, and none is bound by an example's id. */
function checkReach({ cloud }: Config, set: PolicySet): Finding[] {
  const { bindings } = set
  if (set.written.bindings.bindings.length === 0)
    return [
      failed(
        BINDINGS,
        'binds nobody: every call is refused',
        'add a binding to bindings.yaml: docs/policy.md',
      ),
    ]
  const found = set.written.bindings.bindings
    .filter(({ principal, resource }) => PLACEHOLDER.test(`${principal.id} ${resource.id}`))
    .map(({ file, line, id }) =>
      failed(
        BINDINGS,
        `${file}:${line}: binding "${id}" has the id of an example, which nobody has`,
        'write the ids of your own tenant, group and workspace, or remove the binding',
      ),
    )
  const named: [where: string, id: string][] = [
    ...Object.keys(cloud.regions ?? {}).map((id): [string, string] => ['cloud.regions', id]),
    ...[...bindings.names].flatMap(([name, id]): [string, string][] =>
      name.startsWith('Workspace ') ? [[BINDINGS, id]] : [],
    ),
  ]
  const places = bindings.bindings.flatMap(({ resource: { type, id } }) =>
    KINDS_ABOVE.includes(type) ? [id.toLowerCase()] : [],
  )
  const missed = named.filter(([, id]) => {
    const own = id.toLowerCase()
    return !places.some((place) => own === place || own.startsWith(`${place}/`))
  })
  for (const [where, id] of missed)
    found.push(
      failed(
        where,
        `no binding in force reaches ${id}`,
        'bind a template on it, its resource group or its subscription',
      ),
    )
  return found
}

/** Names that a policy gives and the configuration does not have are faults of loading. */
function checkUses(config: Config, set: PolicySet): Finding[] {
  const used = new Set(usesOf(config, set).map(({ identity }) => identity))
  const { approvals } = config
  if (approvals !== undefined && 'container' in approvals.ledger)
    used.add(approvals.ledger.identity)
  for (const key of approvals?.keys ?? []) if ('keyVault' in key) used.add(key.identity)
  for (const one of Object.values(config.identities))
    if (one.kind === 'on-behalf-of') used.add(one.federatedBy)
  return Object.keys(config.identities)
    .filter((name) => !used.has(name))
    .map((name) =>
      warning(
        `identities.${name}`,
        'nothing uses it',
        'remove it, or name it with @identity in a policy',
      ),
    )
}
