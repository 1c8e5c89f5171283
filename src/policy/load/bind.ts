/**
 * Binds templates: the rules in force, checked together.
 * @module
 */
import { createHash } from 'node:crypto'
import { checkParsePolicySet } from '@cedar-policy/cedar-wasm/nodejs'
import { readBindings, readSeparate, type Bindings, type Source } from './bindings.ts'
import { fault, PolicyError, type Fault } from './faults.ts'
import { cedarPolicies, rulesOf, setAt, type PolicySet, type Rule } from './rules.ts'
import { readStatement, splitStatements, type Policy } from './source.ts'
import { schemaFaults } from './validate.ts'

/** What bindings may name. */
export interface Names {
  readonly identities: readonly string[]
  readonly issuers: readonly string[]
}

/** Every identity that a permit uses needs a place in the order, if there is more than one. */
function identityFaults(policies: readonly Policy[], bindings: Bindings, file: string): Fault[] {
  const used = new Set(policies.flatMap(({ identity }) => (identity === null ? [] : [identity])))
  if (used.size < 2) return []
  return [...used]
    .filter((identity) => !bindings.order.includes(identity))
    .sort()
    .map((identity) =>
      fault(
        file,
        1,
        `identity "${identity}" has no place in the order of "identities"`,
        'list every identity that permits use, the least privileged first',
      ),
    )
}

/**
 * Reads bindings against templates, known by their files' names even where their text has faults.
 * @param separate files of `bindings.d/`
 */
export function bind(
  source: Source,
  separate: readonly Source[],
  fixed: readonly Policy[],
  templates: ReadonlyMap<string, Policy>,
  names: Names & { readonly templates: ReadonlySet<string> },
): { bindings: Bindings; faults: readonly Fault[] } {
  const { bindings, faults } = readBindings(source.file, source.text, names, separate)
  if (faults.length > 0) return { bindings, faults }
  return {
    bindings,
    faults: identityFaults([...fixed, ...templates.values()], bindings, source.file),
  }
}

/**
 * The rules of valid policies and bindings. Cedar parses all of them once, so that no part of them can fail to parse
 * during a request.
 * @throws PolicyError if Cedar says otherwise
 */
export function rulesInForce(
  fixed: readonly Policy[],
  templates: ReadonlyMap<string, Policy>,
  bindings: Bindings,
  file: string,
): ReadonlyMap<string, Rule> {
  const rules = rulesOf(fixed, templates, bindings)
  const answer = checkParsePolicySet(cedarPolicies(rules.values()))
  if (answer.type === 'failure') {
    throw new PolicyError(answer.errors.map(({ message }) => fault(file, 1, message)))
  }
  return rules
}

/**
 * The same policies and templates with other bindings: for cases, and for questions of the form "what if".
 * @throws PolicyError with every fault of the bindings
 */
export function rebind(set: PolicySet, source: Source, names: Names): PolicySet {
  const fixed = fixedOf(set.written.rules)
  const templates = new Set(set.templates.keys())
  const { bindings, faults } = bind(source, [], fixed, set.templates, { ...names, templates })
  if (faults.length > 0) throw new PolicyError(faults)
  const rules = rulesInForce(fixed, set.templates, bindings, source.file)
  return changed(set, source, { bindings, rules })
}

/**
 * The same policies with one more binding, as a file of `bindings.d/` would add it.
 * @throws PolicyError with every fault of it
 */
export function addBinding(set: PolicySet, source: Source, names: Names): PolicySet {
  const { bindings, rules } = set.written
  const templates = new Set(set.templates.keys())
  const { binding, faults } = readSeparate(source, { ...names, templates }, bindings.names)
  if (binding === null || faults.length > 0) throw new PolicyError(faults)
  const more = { ...bindings, bindings: [...bindings.bindings, binding] }
  return changed(set, source, {
    bindings: more,
    rules: rulesInForce(fixedOf(rules), set.templates, more, source.file),
  })
}

/** The same policies without one binding, by its id. */
export function withoutBinding(set: PolicySet, id: string): PolicySet {
  const { bindings, rules } = set.written
  return changed(
    set,
    { file: `without ${id}`, text: '' },
    {
      bindings: { ...bindings, bindings: bindings.bindings.filter((one) => one.id !== id) },
      rules: new Map([...rules].filter(([, { link }]) => link?.binding !== id)),
    },
  )
}

/**
 * The same policies with one more, as a file beside them would add it.
 * @throws PolicyError with every fault of it
 */
export function addPolicy(set: PolicySet, source: Source, { identities }: Names): PolicySet {
  const { bindings, rules } = set.written
  const read = splitStatements(source.file, source.text).map((one) =>
    readStatement(one, identities),
  )
  const policies = read.flatMap(({ policy }) => (policy === null ? [] : [policy]))
  const faults = [...read.flatMap((one) => one.faults), ...schemaFaults(policies, set.words)]
  if (faults.length > 0) throw new PolicyError(faults)
  const fixed = [...fixedOf(rules), ...policies]
  return changed(set, source, {
    bindings,
    rules: rulesInForce(fixed, set.templates, bindings, source.file),
  })
}

const fixedOf = (rules: PolicySet['rules']): readonly Policy[] =>
  [...rules.values()].flatMap(({ link, policy }) => (link === null ? [policy] : []))

/** Caches are kept by the version, so other rules need another one. */
function changed(set: PolicySet, source: Source, written: PolicySet['written']): PolicySet {
  const version = createHash('sha256')
    .update(JSON.stringify([set.version, source]))
    .digest('hex')
  return setAt({ ...set, written, version }, set.at)
}
