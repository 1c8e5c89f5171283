/** Policies are valid under the narrowed schema exactly if they are valid under the whole one. */
import { validate } from '@cedar-policy/cedar-wasm/nodejs'
import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'
import * as fc from 'fast-check'
import t from 'tap'
import { createNarrowing } from '../../../src/policy/load/narrow-schema.ts'
import { createSchema, PRINCIPAL_TYPES } from '../../../src/policy/load/schema.ts'
import { createWords } from '../../../src/policy/load/words.ts'

// too long for `npm run test:quick`
t.setTimeout(240_000)

const WHOLE = createSchema(createWords())
const ML = 'Microsoft.MachineLearningServices/workspaces'

/** The texts that Cedar finds nothing wrong with, nor anything to warn of. */
function validOf(texts: readonly string[], schema: SchemaJson<string>): readonly string[] {
  const named = texts.map((text, index) => [`p${index}`, text] as const)
  const answer = validate({ schema, policies: { staticPolicies: Object.fromEntries(named) } })
  if (answer.type === 'failure') throw new Error(JSON.stringify(answer.errors[0]))
  const said = [...answer.validationErrors, ...answer.validationWarnings]
  const faulty = new Set(said.map(({ policyId }) => policyId))
  return named.flatMap(([name, text]) => (faulty.has(name) ? [] : [text]))
}

const narrow = createNarrowing(WHOLE, PRINCIPAL_TYPES)
const narrowed = (text: string): SchemaJson<string> => narrow([text])
const isValidNarrowed = (text: string): boolean => validOf([text], narrowed(text)).length === 1
const policy = (scope: string, condition = ''): string =>
  `permit (${scope})${condition === '' ? '' : ` when { ${condition} }`};`
const asking = (condition: string): string => policy('principal, action, resource', condition)

// what types and actions that a policy does not name are needed for
const CASES: Readonly<Record<string, boolean>> = {
  [policy('principal, action, resource')]: true,
  [policy('principal, action == Action::"read", resource')]: false,
  [policy('principal, action in Action::"read", resource')]: true,
  // valid because of one type of the many that are not named
  [asking('principal in resource')]: true,
  [asking('resource in principal')]: false,
  [asking('ModelVersion::"x" in resource')]: true,
  [asking('Subscription::"x" in resource && resource is Job')]: false,
  [asking('resource in ModelVersion::"x"')]: true,
  [asking('resource in Model::"x"')]: true,
  [asking('resource in Model::"x" && !(resource is Model)')]: true,
  [asking('ModelVersion::"x" in resource && !(resource is ModelVersion)')]: true,
  [asking('resource is Job && resource in Model::"x"')]: false,
  [asking('resource is ModelVersion && resource in Model::"x"')]: true,
  // an action on types that its neighbours are not on
  [policy(`principal, action == Action::"${ML}/jobs/read", resource is Job`)]: true,
  [policy(`principal, action == Action::"${ML}/jobs/read", resource is Model`)]: false,
  [policy('principal, action in Action::"secrets", resource is Datastore')]: true,
  [policy('principal is Group, action, resource')]: false,
  [policy('principal in Role::"r", action, resource')]: true,
  [policy('principal in Job::"r", action, resource')]: false,
  // nothing of that name
  [policy('principal, action == Action::"Read", resource')]: false,
  [policy('principal, action, resource is Jobs')]: false,
  [asking('context.nothing == "x"')]: false,
  [asking('context has experiment && context.experiment == 1')]: false,
  [asking('context has experiment && context.experiment == "x"')]: true,
  // facts, each alone and all of them
  [asking('context["experiment"] == "x"')]: false,
  [asking('context has "experiment" && context["experiment"] == "x"')]: true,
  [asking('context has experiment.name')]: false,
  [asking('context has experiment && (context).experiment == "x"')]: true,
  [asking('context == {experiment: "x"}')]: false,
  [asking('context == {}')]: false,
  [asking('context == context')]: true,
  [asking('[context].contains(context)')]: true,
  [asking('(if true then context else {}) has experiment')]: true,
  [asking('action in [context]')]: false,
  // principals that stand for each other, and one that differs from the others
  [policy('principal is User, action, resource')]: true,
  [policy('principal is Service in Group::"g", action, resource')]: true,
  [policy('principal in Workspace::"w", action, resource')]: true,
  [policy('principal is User in Workspace::"w", action, resource')]: false,
  [policy('principal is Compute in Workspace::"w", action, resource')]: true,
  [asking('principal in Workspace::"w" && principal is Service')]: false,
  // names written in another way, and quotes that are no string's
  [String.raw`permit (principal, action in Action::"\u{72}ead", resource);`]: true,
  [String.raw`permit (principal, action == Action::"\x72ead", resource);`]: false,
  [String.raw`@reason("a \"b") permit (principal, action in Action::"read", resource);`]: true,
  ['permit (principal, // one "\n action in Action::"read", resource);']: true,
  ['permit (principal, // one "\n action == Action::"read", resource);']: false,
}

t.test('each kind of name and relation', async (t) => {
  const valid = validOf(Object.keys(CASES), WHOLE)
  for (const [text, expected] of Object.entries(CASES)) {
    t.equal(valid.includes(text), expected, `whole: ${text}`)
    t.equal(isValidNarrowed(text), expected, `narrowed: ${text}`)
  }
})

const { entityTypes, actions } = WHOLE[''] ?? { entityTypes: {}, actions: {} }
const type = fc.constantFrom(...Object.keys(entityTypes))
const quoted = fc
  .constantFrom(...Object.keys(actions), 'role:Nobody')
  .map((id) => `Action::"${id}"`)
const entity = type.map((name) => `${name}::"x"`)
const variable = fc.constantFrom('principal', 'resource')
const thing = fc.oneof(variable, entity)
const atom = fc.oneof(
  fc.tuple(thing, thing).map(([one, other]) => `${one} in ${other}`),
  fc.tuple(thing, thing).map(([one, other]) => `${one} == ${other}`),
  fc.tuple(variable, type).map(([one, kind]) => `${one} is ${kind}`),
  fc.tuple(variable, type, entity).map(([one, kind, other]) => `${one} is ${kind} in ${other}`),
  fc.array(entity, { minLength: 1, maxLength: 3 }).map((all) => `resource in [${all.join(', ')}]`),
  fc.tuple(thing, thing).map(([one, other]) => `[${one}].contains(${other})`),
  fc.tuple(thing, thing).map(([one, other]) => `(if true then ${one} else ${other}) == resource`),
  quoted.map((one) => `action == ${one}`),
  quoted.map((one) => `action in ${one}`),
  quoted.map((one) => `${one} in action`),
  fc.constantFrom('context has tags', 'resource has name', 'principal.name == "x"', 'true'),
  fc.constantFrom(
    'context == context',
    'context has tags && context.tags == context.tags',
    '{} == context',
  ),
  fc.constantFrom(
    'context has region && context.region == "x"',
    'context.region == "x"',
    '[context].contains({})',
  ),
)
const condition = fc
  .array(fc.tuple(fc.constantFrom('', '!'), atom), { minLength: 1, maxLength: 3 })
  .chain((atoms) =>
    fc
      .constantFrom(' && ', ' || ')
      .map((joint) => atoms.map(([not, one]) => `${not}(${one})`).join(joint)),
  )
const about = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(name),
    type.map((kind) => `${name} is ${kind}`),
    entity.map((one) => `${name} in ${one}`),
    entity.map((one) => `${name} == ${one}`),
  )
const doing = fc.oneof(
  fc.constant('action'),
  quoted.map((one) => `action == ${one}`),
  fc.array(quoted, { minLength: 1, maxLength: 3 }).map((all) => `action in [${all.join(', ')}]`),
)
const generated = fc
  .tuple(about('principal'), doing, about('resource'), fc.option(condition, { nil: '' }))
  .map(([who, what, where, when]) => policy(`${who}, ${what}, ${where}`, when))
// mostly open scopes, since a closed one is seldom about anything
const open = condition.map(asking)

t.test('whatever policies say', async (t) => {
  const seed = 7_515
  const texts = [
    ...new Set([
      ...fc.sample(generated, { numRuns: 150, seed }),
      ...fc.sample(open, { numRuns: 150, seed }),
    ]),
  ]
  const valid = new Set(validOf(texts, WHOLE))
  t.comment(`${valid.size} of ${texts.length} are valid`)
  t.ok(valid.size > 50 && valid.size < texts.length - 50, 'both answers are tried')
  t.same(
    texts.filter((text) => isValidNarrowed(text) !== valid.has(text)),
    [],
  )
})

t.test('what policies can tell apart is little of the whole', async (t) => {
  const text = policy('principal, action in Action::"read", resource')
  const least = narrowed(text)['']
  t.same(Object.keys(least?.actions ?? {}).length, 3, 'the group, its actions, all others')
  t.ok(Object.keys(least?.entityTypes ?? {}).length < 10)
})
