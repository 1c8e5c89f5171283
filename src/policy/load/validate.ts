/**
 * Policies against the schema: Cedar's validator, strict.
 * @module
 */
import { hash } from 'node:crypto'
import { validate } from '@cedar-policy/cedar-wasm/nodejs'
import type { SchemaJson, ValidationAnswer } from '@cedar-policy/cedar-wasm/nodejs'
import { LRUCache } from 'lru-cache'
import { fault, suggest, type Fault } from './faults.ts'
import { createNarrowing } from './narrow-schema.ts'
import { createSchema, PRINCIPAL_TYPES } from './schema.ts'
import { cedarFault, withoutSlots, type Policy } from './source.ts'
import { GROUPS, ROLE_GROUPS, type Words } from './words.ts'

/**
 * Texts that are valid under a schema, for the whole process. Requests wait while Cedar validates, and most reloads
 * change bindings only.
 */
const validated = new LRUCache<string, true>({ max: 4096 })

/**
 * All that is wrong with policies and templates. Templates are checked with their scope left open: their slots are
 * filled with checked references only, and Cedar would try every type in each of them.
 */
export function schemaFaults(policies: readonly Policy[], words: Words): Fault[] {
  const schema = createSchema(words)
  const schemaHash = hash('sha256', JSON.stringify(schema))
  const keyOf = ({ text }: Policy): string => `${schemaHash} ${text}`
  const unchecked = policies.filter((policy) => !validated.has(keyOf(policy)))
  if (unchecked.length === 0) return []
  const byName = new Map(unchecked.map((policy, index) => [`p${index}`, policy]))
  const texts = new Map([...byName].map(([name, { text }]) => [name, withoutSlots(text)]))
  if (isValid(texts, schema)) {
    for (const policy of unchecked) validated.set(keyOf(policy), true)
    return []
  }
  const answer = validateAll(texts, schema)
  if (answer.type === 'failure') {
    return answer.errors.map(({ message }) => fault('policies', 1, message))
  }
  const wrong = new Set(answer.validationErrors.map(({ policyId }) => policyId))
  // "impossible" follows from an error already reported; alone it means a policy that can never apply
  const warnings = answer.validationWarnings.filter(({ policyId }) => !wrong.has(policyId))
  const faulty = new Set([...wrong, ...warnings.map(({ policyId }) => policyId)])
  for (const [name, policy] of byName) if (!faulty.has(name)) validated.set(keyOf(policy), true)
  const seen = new Set<string>()
  return [...answer.validationErrors, ...warnings].flatMap(({ policyId, error }) => {
    const policy = byName.get(policyId)
    // one fault at one place is found once for each action that the policy speaks of
    const place = `${policyId} ${error.severity === 'warning' ? '' : error.sourceLocations?.[0]?.start}`
    if (policy === undefined || seen.has(place)) return []
    seen.add(place)
    return [meant(cedarFault(policy, error), words)]
  })
}

function validateAll(
  texts: ReadonlyMap<string, string>,
  schema: SchemaJson<string>,
): ValidationAnswer {
  return validate({ schema, policies: { staticPolicies: Object.fromEntries(texts) } })
}

/** The fewer policies there are to a schema, the less of it they can tell apart; but each schema has to be read. */
const MOST_SCHEMAS = 32
const LEAST_POLICIES = 4

/** Whether there is nothing to say. Where there is, Cedar has to be asked under the whole schema what it is. */
function isValid(texts: ReadonlyMap<string, string>, schema: SchemaJson<string>): boolean {
  const narrow = createNarrowing(schema, PRINCIPAL_TYPES)
  const all = [...texts]
  const size = Math.max(LEAST_POLICIES, Math.ceil(all.length / MOST_SCHEMAS))
  for (let at = 0; at < all.length; at += size) {
    const some = new Map(all.slice(at, at + size))
    const answer = validateAll(some, narrow([...some.values()]))
    if (answer.type === 'failure') return false
    if (answer.validationErrors.length + answer.validationWarnings.length > 0) return false
  }
  return true
}

const UNKNOWN = /^unrecognized (action|entity type) `(?:Action::")?([^`"]+)"?`/u

/** A better suggestion than Cedar's, which is of any kind: here the kind is known, and people leave out the provider. */
function meant(found: Fault, words: Words): Fault {
  const [, kind, word] = UNKNOWN.exec(found.message) ?? []
  if (kind === undefined || word === undefined) return found
  const actions = [...GROUPS, ...ROLE_GROUPS, ...words.actions.map(({ id }) => id)]
  const tail = `/${word.toLowerCase()}`
  const [whole] = actions
    .filter((id) => id.toLowerCase().endsWith(tail))
    .sort((one, other) => one.length - other.length)
  const suggestion =
    kind === 'action'
      ? whole === undefined
        ? suggest(word, actions)
        : `did you mean "${whole}"?`
      : suggest(word, [...PRINCIPAL_TYPES, 'Group', 'Role', ...words.resourceTypes])
  return fault(found.file, found.line, found.message, suggestion ?? found.suggestion)
}
