/**
 * `init`: writes the configuration, the policies and the script of Azure commands for one workspace. It calls nobody.
 * @module
 */
import { join, resolve } from 'node:path'
import { loadConfig } from '../../config/load.ts'
import { loadPolicy } from '../../policy/load/load.ts'
import { azureRoles } from '../../policy/review/export/azure-role.ts'
import { grantsOf } from '../../policy/review/export/grants.ts'
import { EXIT, type Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { answersOf, type Answers, type InitOptions } from './answers.ts'
import { applicationJson } from './application.ts'
import { azureScript } from './azure-script.ts'
import { bindingsYaml, harnessYaml } from './harness-yaml.ts'
import { readMaterial, type Files } from './material.ts'
import { writeAll } from './write.ts'

/** The managed identities of the shipped policies, the least privileged first. */
const IDENTITIES = ['ml-reader', 'ml-writer']

export async function init(options: InitOptions, io: Io): Promise<number> {
  const answers = await answersOf(options, io)
  const from = options.from === undefined ? null : resolve(io.cwd, options.from)
  const material = await readMaterial(from)
  checkRole(answers.role, material)
  const isEntra = answers.issuer.kind === 'entra'
  const files = new Map([
    ['harness.yaml', harnessYaml(answers, IDENTITIES)],
    ...material,
    ['policies/bindings.yaml', bindingsYaml(answers, IDENTITIES)],
    ...(isEntra ? [['application.json', applicationJson(answers.url)] as const] : []),
  ])
  const tops = ['harness.yaml', 'policies', 'roles', 'azure.sh', 'audit.json']
  if (isEntra) tops.push('application.json')
  const directory = resolve(io.cwd, answers.out)
  const more = (staged: string): Promise<Files> => azureFiles(staged, answers)
  await writeAll(directory, { tops, files, more }, io.signal)
  for (const line of next(answers)) io.out(line)
  return EXIT.ok
}

/** What follows from the policies: roles, and the script that assigns them. */
async function azureFiles(staged: string, answers: Answers): Promise<Files> {
  const config = await loadConfig(join(staged, 'harness.yaml'))
  const { directory } = config.policies
  const set = await loadPolicy({
    directory,
    bindings: join(directory, 'bindings.yaml'),
    identities: Object.keys(config.identities),
    issuers: config.issuers.map(({ name }) => name),
  })
  const grants = grantsOf(set)
  const bodies = azureRoles(grants)
  return new Map([
    ...grants.roles.map(({ guid }, at): [string, string] => [
      `roles/${guid}.json`,
      `${JSON.stringify(bodies[at], null, 2)}\n`,
    ]),
    ['azure.sh', azureScript(answers, grants)],
  ])
}

function checkRole(role: string, material: Files): void {
  if (material.has(`policies/templates/${role}.cedar`)) return
  const known = [...material.keys()].flatMap(
    (path) => /^policies\/templates\/(.*)\.cedar$/.exec(path)?.[1] ?? [],
  )
  throw new UsageError(`--role is one of ${known.join(', ')}, not "${role}"`)
}

function next({ out, issuer }: Answers): readonly string[] {
  const path = (name: string): string => join(out, name)
  return [
    `${path('harness.yaml')}   the configuration; azure.sh fills in what Azure gives`,
    `${path('policies')}       templates with their tests, and bindings.yaml: who may do what`,
    `${path('azure.sh')}       what the gateway needs at Azure: read it, then run it`,
    `${path('roles')}          custom roles, which azure.sh makes`,
    ...(issuer.kind === 'entra'
      ? [`${path('application.json')}   the application in Entra ID`]
      : []),
    `${path('audit.json')}     table and rule of the records`,
    `next: certificate and key as ${path('tls/tls.crt')} and ${path('tls/tls.key')}, then bash ${path('azure.sh')}`,
  ]
}
