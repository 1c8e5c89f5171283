/**
 * Policies, templates and bindings from their files, checked as a whole: either all of it is valid, or none is used.
 * @module
 */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { bind, rulesInForce } from './bind.ts'
import type { Source } from './bindings.ts'
import { fault, PolicyError, type Fault } from './faults.ts'
import { OWNERS_FILE, readOwners } from './owners.ts'
import { NO_REQUESTS, readRequests, REQUESTS_FILE } from './requests.ts'
import { setAt, type PolicySet } from './rules.ts'
import { readStatement, splitStatements } from './source.ts'
import type { Policy, Statement } from './source.ts'
import { schemaFaults } from './validate.ts'
import { createWords, type Words } from './words.ts'
import { codeOf } from '../../lib/error-code.ts'
import { fileFaultOf } from '../../lib/file-fault.ts'
import { readRegular } from '../../lib/files/regular.ts'

export interface LoadOptions {
  /** Holds `*.cedar`, and `templates/*.cedar` with one template a file. */
  readonly directory: string
  /** The bindings file. `bindings.d/` beside it, if it is there, holds one binding a file. */
  readonly bindings: string
  /** Names allowed in `@identity`. */
  readonly identities: readonly string[]
  /** Names of the configured issuers; if given, a binding of any other is a fault. */
  readonly issuers?: readonly string[]
  /** Files of `bindings.d/` that are not written yet, judged with the others. */
  readonly added?: readonly Source[]
  /** Decides which bindings are in force, in milliseconds since the epoch. */
  readonly now?: () => number
  /** Told how far it is, in percent, and waited for; with thousands of bindings it takes seconds. */
  readonly onProgress?: (percent: number) => Promise<void>
}

const TEMPLATES = 'templates'
/** The folder of bindings that have a file each. */
export const SEPARATE = 'bindings.d'

/** Names of its files, none without the folder; and what in it would be left out without a word. */
async function separateIn(bindings: string): Promise<{ names: string[]; faults: Fault[] }> {
  const entries = await readdir(join(dirname(bindings), SEPARATE), { withFileTypes: true }).catch(
    (error: unknown) => {
      if (codeOf(error, '') === 'ENOENT') return []
      throw error
    },
  )
  const names = entries.map(({ name }) => name).filter((name) => name.endsWith('.yaml'))
  const at = (name: string, what: string, instead: string): Fault =>
    fault(`${SEPARATE}/${name}`, 1, what, instead)
  const faults = entries.flatMap((entry) => {
    const { name } = entry
    if (name.endsWith('.yml')) return [at(name, 'is not read', 'end its name with .yaml')]
    // Kubernetes mounts files beside folders whose names begin with dots
    const isFolder = entry.isDirectory() && !name.startsWith('.') && !name.endsWith('.yaml')
    return isFolder ? [at(name, 'is not read', `put its files into ${SEPARATE} itself`)] : []
  })
  return { names: names.sort(), faults }
}

/** A file beside the bindings; null if there is none. */
async function besideOf(bindings: string, file: string): Promise<Source | null> {
  try {
    const text = await readRegular(join(dirname(bindings), file))
    return { file, text }
  } catch (error) {
    if (codeOf(error, '') === 'ENOENT') return null
    throw error
  }
}

const cedarIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.cedar')).sort()

/** Reads each file, or says which one it cannot read: a folder that is missing is a fault like any other. */
async function readSources(options: LoadOptions): Promise<{
  policies: Source[]
  templates: Source[]
  bindings: Source | null
  separate: Source[]
  owners: Source | null
  requests: Source | null
  faults: Fault[]
}> {
  const faults: Fault[] = []
  const attempt = async <T>(file: string, read: Promise<T>, instead: T): Promise<T> => {
    try {
      return await read
    } catch (error) {
      faults.push(fault(file, 1, fileFaultOf(error)?.what ?? 'cannot be read'))
      return instead
    }
  }
  /** @param prefix of the files' names in faults */
  const readAll = async (
    folder: string,
    prefix: string,
    names: readonly string[],
  ): Promise<Source[]> => {
    const read = names.map((name) => {
      const file = `${prefix}${name}`
      const source = readRegular(join(folder, name)).then((text) => ({ file, text }))
      return attempt<Source | null>(file, source, null)
    })
    return (await Promise.all(read)).filter((source) => source !== null)
  }
  const { directory } = options
  const policyNames = await attempt(directory, cedarIn(directory), [])
  // all other faults would only follow from this one
  if (faults.length > 0) throw new PolicyError(faults)
  const policies = await readAll(directory, '', policyNames)
  const templateFolder = join(directory, TEMPLATES)
  const templateNames = await attempt(TEMPLATES, cedarIn(templateFolder), [])
  const templates = await readAll(templateFolder, `${TEMPLATES}/`, templateNames)
  const file = basename(options.bindings)
  const bindings = await attempt<Source | null>(
    file,
    readRegular(options.bindings).then((text) => ({ file, text })),
    null,
  )
  const known = await attempt(SEPARATE, separateIn(options.bindings), { names: [], faults: [] })
  faults.push(...known.faults)
  const folder = join(dirname(options.bindings), SEPARATE)
  const separate = [
    ...(await readAll(folder, `${SEPARATE}/`, known.names)),
    ...(options.added ?? []),
  ]
  const beside = async (name: string): Promise<Source | null> =>
    attempt<Source | null>(name, besideOf(options.bindings, name), null)
  const owners = await beside(OWNERS_FILE)
  const requests = await beside(REQUESTS_FILE)
  return { policies, templates, bindings, separate, owners, requests, faults }
}

/** Statements that parse and are annotated as they should be, and every fault of those that are not. */
function readPolicies(
  sources: readonly Source[],
  identities: readonly string[],
  templates: boolean,
): { policies: Policy[]; faults: Fault[] } {
  const policies: Policy[] = []
  const faults: Fault[] = []
  for (const { file, text } of sources) {
    const statements = splitStatements(file, text)
    for (const statement of statements) {
      const read = readStatement(statement, identities)
      faults.push(...read.faults)
      if (read.policy !== null) policies.push(read.policy)
      faults.push(...placeFaults(statement, read.policy, templates))
    }
    if (templates && statements.length !== 1) {
      faults.push(fault(file, 1, `a template's file holds one template, not ${statements.length}`))
    }
  }
  return { policies, faults }
}

function placeFaults(statement: Statement, policy: Policy | null, templates: boolean): Fault[] {
  if (policy === null) return []
  if (!templates && policy.template) {
    return [fault(statement.file, statement.line, 'a policy with slots belongs into templates/')]
  }
  if (!templates) return []
  if (!policy.template) {
    return [
      fault(statement.file, statement.line, 'a template has the slots ?principal and ?resource'),
    ]
  }
  const name = basename(statement.file, '.cedar')
  return policy.id === name
    ? []
    : [fault(statement.file, statement.line, `template "${policy.id}" is in the file of "${name}"`)]
}

function duplicateFaults(policies: readonly Policy[]): Fault[] {
  const first = new Map<string, Policy>()
  return policies.flatMap((policy) => {
    const earlier = first.get(policy.id)
    if (earlier === undefined) {
      first.set(policy.id, policy)
      return []
    }
    return [
      fault(
        policy.file,
        policy.line,
        `id "${policy.id}" is taken by ${earlier.file}:${earlier.line}`,
      ),
    ]
  })
}

function versionOf(sources: readonly Source[], options: LoadOptions, words: Words): string {
  const parts = [
    ...sources.map(({ file, text }) => [file, text]),
    ['identities', [...options.identities].sort()],
    ['words', words.actions, words.resourceTypes],
  ]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

function factsOf(policies: readonly Policy[]): ReadonlySet<string> | null {
  const facts = new Set<string>()
  for (const policy of policies) {
    if (policy.facts === null) return null
    for (const name of policy.facts) facts.add(name)
  }
  return facts
}

/**
 * Loads and checks everything.
 * @throws PolicyError with every fault at once, each with file, line and, if there is one, a suggestion
 */
export async function loadPolicy(
  options: LoadOptions,
  words: Words = createWords(),
): Promise<PolicySet> {
  const sources = await readSources(options)
  await options.onProgress?.(5)
  const fixed = readPolicies(sources.policies, options.identities, false)
  const slotted = readPolicies(sources.templates, options.identities, true)
  const all = [...fixed.policies, ...slotted.policies]
  const templates = new Map(slotted.policies.map((policy) => [policy.id, policy]))
  const named = sources.templates.map(({ file }) => basename(file, '.cedar'))
  await options.onProgress?.(15)
  const source = sources.bindings ?? { file: basename(options.bindings), text: 'bindings: []' }
  const { bindings, faults: unbound } = bind(source, sources.separate, fixed.policies, templates, {
    templates: new Set(named),
    identities: options.identities,
    issuers: options.issuers ?? [],
  })
  await options.onProgress?.(75)
  const issuers = options.issuers ?? []
  const { lines: owners, faults: unowned } =
    sources.owners === null
      ? { lines: [], faults: [] }
      : readOwners(sources.owners.file, sources.owners.text, bindings.names, issuers)
  const { requests, faults: unasked } =
    sources.requests === null
      ? { requests: NO_REQUESTS, faults: [] }
      : readRequests(sources.requests.file, sources.requests.text, {
          templates: new Map(named.map((name) => [name, templates.get(name) ?? null])),
          names: bindings.names,
          issuers,
        })
  const faults = [
    ...sources.faults,
    ...fixed.faults,
    ...slotted.faults,
    ...duplicateFaults(all),
    ...schemaFaults(all, words),
    ...unbound,
    ...unowned,
    ...unasked,
  ]
  if (faults.length > 0) throw new PolicyError(faults)
  await options.onProgress?.(85)
  const rules = rulesInForce(fixed.policies, templates, bindings, source.file)
  const beside = [sources.owners, sources.requests].filter((one) => one !== null)
  const read = [...sources.policies, ...sources.templates, source, ...sources.separate, ...beside]
  const version = versionOf(read, options, words)
  const written = { bindings, rules }
  const now = options.now ?? Date.now
  return setAt({ version, written, templates, owners, requests, words, facts: factsOf(all) }, now())
}
