/**
 * `workspace onboard`: reads and judges a workspace, and writes the files with which it is put behind the gateway.
 * @module
 */
import { resolve } from 'node:path'
import { isGuid } from '../../lib/guid.ts'
import { PolicyError } from '../../policy/load/faults.ts'
import { loadPolicy } from '../../policy/load/load.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import type { PolicyOptions } from '../policy/options.ts'
import { Problem, UsageError } from '../problem.ts'
import type { Azure } from './azure.ts'
import { examineWorkspace } from './checks/examine.ts'
import { privateZones } from './checks/network.ts'
import { text, type GatewaySide } from './checks/subject.ts'
import { withSides, workspaceIdOf, type WorkspaceValues } from './gateway-side.ts'
import { bicepOf } from './onboard/bicep.ts'
import { givenOf, lackingIn, ownersFaults } from './onboard/bindings.ts'
import { clientFiles } from './onboard/clients.ts'
import { isDone, needsAzure, planOf, planText, type Plan } from './onboard/plan.ts'
import { readProfile } from './onboard/profile.ts'
import { readmeText } from './onboard/readme.ts'
import { templateOf } from './onboard/resources.ts'
import { terraformOf } from './onboard/terraform.ts'
import { writeNew } from './onboard/write.ts'

export interface OnboardOptions extends WorkspaceValues {
  readonly workspace: string
  readonly profile: string
  /** `NAME=Group::"..."` each. */
  readonly group?: string[] | undefined
  readonly accept?: string[] | undefined
  readonly out: string
  readonly bicep?: true | undefined
  readonly terraform?: true | undefined
}

type Files = ReadonlyMap<string, string>

interface Sides {
  readonly azure: Azure
  readonly gateway: GatewaySide
  readonly loaded: PolicyOptions
}

export async function workspaceOnboard(options: OnboardOptions, io: Io): Promise<number> {
  const id = workspaceIdOf(options.workspace)
  configFile(options, io)
  if ((options.group ?? []).length === 0)
    throw new UsageError('--group NAME=Group::"ISSUER/ID" is needed, once for each group')
  for (const one of options.accept ?? [])
    if (!isGuid(one)) throw new UsageError(`--accept takes an object id, not "${one}"`)
  const files = await withSides(options, io, async ({ azure, gateway, loaded }) => {
    if (gateway === null || loaded === null) throw new Error('there is a configuration')
    return filesFor(id, options, { azure, gateway, loaded })
  })
  if (files === null) {
    io.out(`nothing to do: ${id} is bound, and nothing lets anybody past the gateway`)
    return EXIT.ok
  }
  const directory = resolve(io.cwd, options.out)
  const written = new Set(await writeNew(directory, files))
  for (const path of files.keys()) io.out(`${written.has(path) ? 'written' : 'as it is'}  ${path}`)
  io.err(
    `nothing was changed but in ${directory}; README.md there says what to run, in which order`,
  )
  return EXIT.ok
}

/** Texts by their paths in the directory; null if there is nothing to do. */
async function filesFor(
  id: string,
  options: OnboardOptions,
  { azure, gateway, loaded }: Sides,
): Promise<Files | null> {
  const profile = await readProfile(loaded.directory, options.profile)
  const given = givenOf(options.group ?? [], profile)
  const lacking = lackingIn(gateway.policies, profile, given, id)
  const faults = ownersFaults(lacking, gateway.policies, loaded.issuers ?? [])
  if (faults.length > 0) throw new PolicyError(faults)
  const policies = await loadPolicy({ ...loaded, added: lacking.bindings })
  const { findings, subject } = await examineWorkspace({
    id,
    azure,
    gateway: { ...gateway, policies },
    accepted: new Set((options.accept ?? []).map((one) => one.toLowerCase())),
    report: () => {},
  })
  if (subject === null) throw notRead(findings[0])
  const plan = planOf(lacking, findings)
  if (isDone(plan)) return null
  const region = text(subject.workspace, 'location').toLowerCase().replaceAll(' ', '')
  const language = options.terraform === true ? 'terraform' : 'bicep'
  const { config, ids } = gateway
  const template = templateOf({ id, region, policies, ids }, plan.parts)
  const azureFiles = language === 'bicep' ? bicepOf(template, id) : terraformOf(template)
  return new Map([
    ...bindingFiles(plan),
    ...(needsAzure(plan.parts) ? azureFiles : []),
    ...clientFiles(config.listen.publicUrl, id),
    ['plan.json', planText(id, options.profile, plan)],
    [
      'README.md',
      readmeText({
        id,
        region,
        language,
        plan,
        writers: writersIn(policies, ids),
        zones: privateZones(config.cloud.name),
      }),
    ],
  ])
}

const notRead = (finding: { what: string; where: string; next: string | null } | undefined) =>
  new Problem(`${finding?.where} ${finding?.what}`, finding?.next ?? 'try again')

const bindingFiles = ({ lacking }: Plan): Files =>
  new Map(
    [...lacking.bindings, ...(lacking.owners === null ? [] : [lacking.owners])].map(
      ({ file, text: content }) => [file, content],
    ),
  )

/** Object ids of the identities that permits use; one that is not known is named, so that it is not forgotten. */
function writersIn(policies: PolicySet, ids: GatewaySide['ids']): readonly string[] {
  const used = new Set(
    [...policies.rules.values()].flatMap(({ policy }) =>
      policy.effect === 'permit' && policy.identity !== null ? [policy.identity] : [],
    ),
  )
  return [...used].sort().map((name) => ids.get(name) ?? `OBJECT-ID-OF-${name}`)
}
