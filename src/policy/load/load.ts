/**
 * Policies, templates and bindings from their files, checked as a whole: either all of it is valid, or none is used.
 * @module
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
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

export interface LoadOptions {
  /** Holds `*.cedar`, and `templates/*.cedar` with one template a file. */
  readonly directory: string
  /** The bindings file. `bindings.d/` beside it, if it is there, holds one binding a file. */
  readonly bindings: string
  /** Names allowed in `@identity`. */
  readonly identities: readonly string[]
  /** Names of the configured issuers; if given, a binding of any other is a fault. */
  readonly issuers?: readonly string[]
  /** Decides which bindings are in force, in milliseconds since the epoch. */
  readonly now?: () => number
}

/** The folder of bindings that have a file each. */
export const SEPARATE = 'bindings.d'

/** Its files; none without the folder. */
async function separateOf(bindings: string): Promise<{ sources: Source[]; faults: Fault[] }> {
  const folder = join(dirname(bindings), SEPARATE)
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error, '') === 'ENOENT') return []
    throw error
  })
  const text = async (name: string): Promise<Source> => ({
    file: `${SEPARATE}/${name}`,
    text: await readFile(join(folder, name), 'utf8'),
  })
  return {
    sources: await Promise.all(
      names
        .filter((name) => name.endsWith('.yaml'))
        .sort()
        .map(text),
    ),
    // it would be left out without a word
    faults: names
      .filter((name) => name.endsWith('.yml'))
      .map((name) => fault(`${SEPARATE}/${name}`, 1, 'is not read', 'end its name with .yaml')),
  }
}

/** A file beside the bindings; null if there is none. */
async function besideOf(bindings: string, file: string): Promise<Source | null> {
  try {
    const text = await readFile(join(dirname(bindings), file), 'utf8')
    return { file, text }
  } catch (error) {
    if (codeOf(error, '') === 'ENOENT') return null
    throw error
  }
}

async function sourcesOf(directory: string, folder: string): Promise<Source[]> {
  const path = join(directory, folder)
  const names = (await readdir(path)).filter((name) => name.endsWith('.cedar')).sort()
  return Promise.all(
    names.map(async (name) => ({
      file: relative(directory, join(path, name)).split(sep).join('/'),
      text: await readFile(join(path, name), 'utf8'),
    })),
  )
}

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
  const policies = await attempt(options.directory, sourcesOf(options.directory, '.'), [])
  // all other faults would only follow from this one
  if (faults.length > 0) throw new PolicyError(faults)
  const templates = await attempt('templates', sourcesOf(options.directory, 'templates'), [])
  const file = basename(options.bindings)
  const bindings = await attempt<Source | null>(
    file,
    readFile(options.bindings, 'utf8').then((text) => ({ file, text })),
    null,
  )
  const separate = await attempt(SEPARATE, separateOf(options.bindings), {
    sources: [],
    faults: [],
  })
  faults.push(...separate.faults)
  const beside = async (name: string): Promise<Source | null> =>
    attempt<Source | null>(name, besideOf(options.bindings, name), null)
  const owners = await beside(OWNERS_FILE)
  const requests = await beside(REQUESTS_FILE)
  return { policies, templates, bindings, separate: separate.sources, owners, requests, faults }
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
  const fixed = readPolicies(sources.policies, options.identities, false)
  const slotted = readPolicies(sources.templates, options.identities, true)
  const all = [...fixed.policies, ...slotted.policies]
  const templates = new Map(slotted.policies.map((policy) => [policy.id, policy]))
  const named = sources.templates.map(({ file }) => basename(file, '.cedar'))
  const source = sources.bindings ?? { file: basename(options.bindings), text: 'bindings: []' }
  const { bindings, faults: unbound } = bind(source, sources.separate, fixed.policies, templates, {
    templates: new Set(named),
    identities: options.identities,
    issuers: options.issuers ?? [],
  })
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
  const rules = rulesInForce(fixed.policies, templates, bindings, source.file)
  const beside = [sources.owners, sources.requests].filter((one) => one !== null)
  const read = [...sources.policies, ...sources.templates, source, ...sources.separate, ...beside]
  const version = versionOf(read, options, words)
  const written = { bindings, rules }
  const now = options.now ?? Date.now
  return setAt({ version, written, templates, owners, requests, words, facts: factsOf(all) }, now())
}
