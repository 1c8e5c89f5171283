/**
 * The schema as people and editors read it, laid out as Cedar prints it: Cedar itself takes longer to start than this.
 * @module
 */
import { FACTS, type FactKind } from '../facts.ts'
import { createSchema } from './schema.ts'
import type { Words } from './words.ts'

const TYPE: Readonly<Record<FactKind, string>> = {
  string: '__cedar::String',
  long: '__cedar::Long',
  boolean: '__cedar::Bool',
  strings: 'Set<__cedar::String>',
  ip: '__cedar::ipaddr',
  datetime: '__cedar::datetime',
}

/** Committed as policies/schema.cedarschema; a test compares it with what Cedar makes of the same schema. */
export function schemaText(words: Words): string {
  const { entityTypes = {}, actions = {} } = createSchema(words)[''] ?? {}
  const facts = sorted(FACTS).map(([name, [kind]]) => `  ${name}?: ${TYPE[kind]}`)
  const entities = sorted(entityTypes).map(([type, entity]) => {
    const parents = 'memberOfTypes' in entity ? (entity.memberOfTypes ?? []) : []
    return `entity ${type}${inText(parents)};`
  })
  const doing = sorted(actions).map(([id, { memberOf, appliesTo }]) => {
    const groups = (memberOf ?? []).map((group) => `Action::"${group.id}"`)
    const on =
      appliesTo === undefined
        ? ''
        : ` appliesTo {
  principal: [${appliesTo.principalTypes.join(', ')}],
  resource: [${appliesTo.resourceTypes.join(', ')}],
  context: Facts
}`
    return `action "${id}"${inText(groups)}${on};`
  })
  return [`type Facts = {\n${facts.join(',\n')}\n};`, ...entities, ...doing].join('\n\n')
}

const sorted = <T>(members: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(members).toSorted(([one], [other]) => (one < other ? -1 : 1))

const inText = (parents: readonly string[]): string =>
  parents.length === 0 ? '' : ` in [${parents.join(', ')}]`
