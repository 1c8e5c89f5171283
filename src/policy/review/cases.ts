/**
 * Cases: what policies must permit and must refuse, as data beside them (`*.tests.yaml`).
 * @module
 */
import { parseDocument, stringify } from 'yaml'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { Effect, Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { rebind } from '../load/bind.ts'
import { createDecide, type Verdict } from '../decide.ts'
import type { Facts } from '../facts.ts'
import { fault, PolicyError, type Fault } from '../load/faults.ts'
import { ancestorsOf } from '../engine/entities.ts'
import { principalOf, toldIn, withAbsent } from './given.ts'
import { GivenPrincipal, GivenSignIn } from './given-files.ts'
import { OWN_PROVIDER } from '../../vocabulary/actions.ts'
import { GATEWAY, PROVIDER, cedarTypesOf } from '../../vocabulary/resource-types.ts'
import type { PolicySet } from '../load/rules.ts'
import type { CheckSignInAt } from '../step-up.ts'

const strict = { additionalProperties: false }
const Names = Type.Array(Type.String({ minLength: 1 }))

const Who = Type.Partial(GivenPrincipal)

const Case = Type.Object(
  {
    who: Type.String({ description: 'one of `principals`' }),
    does: Type.Union([Type.String(), Names], {
      description: 'RBAC actions, the provider left out; all must be decided alike',
    }),
    on: Type.Optional(
      Type.String({ description: 'kind of resource, if the action does not tell' }),
    ),
    where: Type.Optional(Type.String({ description: 'ARM id, if not `workspace`' })),
    secrets: Type.Optional(Type.Boolean({ description: 'the answer holds secrets' })),
    signedIn: Type.Optional(GivenSignIn),
    facts: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Union([Type.String(), Type.Integer(), Type.Boolean(), Type.Array(Type.String())]),
      ),
    ),
    decision: Type.Union([Type.Literal('permit'), Type.Literal('refuse')]),
    policies: Type.Optional(Names),
    identity: Type.Optional(Type.String()),
    code: Type.Optional(Type.String()),
  },
  strict,
)

const Suite = Type.Object(
  {
    workspace: Type.String({ pattern: '^/subscriptions/[^A-Z]+$' }),
    identities: Type.Optional(Names),
    bindings: Type.Optional(Type.Array(Type.Unknown())),
    principals: Type.Record(Type.String(), Who),
    cases: Type.Array(Case, { minItems: 1 }),
  },
  strict,
)

type Suite = Static<typeof Suite>
type Case = Static<typeof Case>

/** One action of one case. */
export interface CaseResult {
  readonly file: string
  /** Who does what where. */
  readonly name: string
  /** What was decided instead; null if all is as expected. */
  readonly wrong: string | null
}

/** The moment as of which all cases are judged: fixed, so that results do not change from day to day. */
const NOW = Date.UTC(2026, 0, 1)

const VERBS = new Map<string, Effect>([
  ['read', 'read'],
  ['write', 'write'],
  ['delete', 'delete'],
])

/**
 * Runs the cases of one file. Its `bindings` replace those of the set, so that templates are tested and not a
 * deployment; without them the set's own are.
 * @param checkSignIn judges `signedIn` for `@stepup`
 * @param onCase told of each case that is done, and of how many the file has
 * @throws PolicyError with every fault of the file
 */
export function runCases(
  set: PolicySet,
  source: { readonly file: string; readonly text: string },
  names: { readonly identities: readonly string[]; readonly issuers: readonly string[] },
  checkSignIn: CheckSignInAt,
  onCase: (of: number) => void = () => {},
): readonly CaseResult[] {
  const suite = readSuite(source)
  const bindings = stringify({
    identities: suite.identities ?? names.identities,
    bindings: suite.bindings,
  })
  const tested =
    suite.bindings === undefined ? set : rebind(set, { file: source.file, text: bindings }, names)
  const decide = createDecide(tested, {
    cacheSize: 0,
    checkSignIn: (principal, requirement) => checkSignIn(principal, requirement, NOW),
  })
  return suite.cases.flatMap((one) => {
    const results = [one.does].flat().map((does) => {
      const operation = operationOf(one, does, suite, set)
      const principal = whoOf(one, suite)
      const facts = withAbsent({ ...signInFacts(principal), ...one.facts })
      const verdict = decide(principal, operation, facts, toldIn(operation, facts))
      const where = one.where === undefined ? '' : ` in ${one.where}`
      const name = `${one.who} ${does} on ${operation.resource.type}${where}`
      return { file: source.file, name, wrong: wrongIn(one, verdict) }
    })
    onCase(suite.cases.length)
    return results
  })
}

function readSuite({ file, text }: { file: string; text: string }): Suite {
  const document = parseDocument(text, { strict: true })
  const faults: Fault[] = document.errors.map((error) =>
    fault(file, error.linePos?.[0].line ?? 1, error.message.split('\n')[0] ?? 'not YAML'),
  )
  const data: unknown = faults.length > 0 ? null : document.toJS()
  if (faults.length === 0 && Value.Check(Suite, data)) {
    const missing = data.cases.filter(({ who }) => !Object.hasOwn(data.principals, who))
    if (missing.length === 0) return data
    faults.push(...missing.map(({ who }) => fault(file, 1, `no principal "${who}"`)))
  }
  if (faults.length === 0) {
    for (const { instancePath, message } of Value.Errors(Suite, data)) {
      faults.push(fault(file, 1, `${instancePath === '' ? '/' : instancePath} ${message}`))
    }
  }
  throw new PolicyError(faults)
}

function whoOf({ who, signedIn }: Case, { principals }: Suite): Principal {
  const given = new Map(Object.entries(principals)).get(who) ?? {}
  const told = signedIn === undefined ? {} : { signedIn: { ...given.signedIn, ...signedIn } }
  return principalOf({ ...given, ...told, id: given.id ?? `nobody/${who}` }, NOW)
}

/** The fact on its sign-in that a call of this principal would have. */
function signInFacts({ authenticatedAt }: Principal): Facts {
  return authenticatedAt === null ? {} : { signInAgeSeconds: NOW / 1_000 - authenticatedAt }
}

function operationOf(one: Case, does: string, suite: Suite, set: PolicySet): Operation {
  const action = does.startsWith(`${OWN_PROVIDER}/`) ? does : `${PROVIDER}/${does}`
  const listed = set.words.actions.find(({ name }) => name.toLowerCase() === action.toLowerCase())
  const group = listed?.parents[0]
  const place = one.where ?? suite.workspace
  const type = one.on ?? cedarTypesOf(action, set.words.resourceTypes)[0] ?? 'Other'
  const isGateway = type === GATEWAY.type
  const isItself = type === 'Workspace' || type === 'Registry'
  const id = isGateway ? GATEWAY.id : isItself ? place : `${place}/${type.toLowerCase()}/x`
  const around = isGateway ? [] : [...ancestorsOf(place), GATEWAY]
  const effects: readonly Effect[] = ['read', 'write', 'delete', 'invoke']
  return {
    action,
    effect:
      effects.find((effect) => effect === group) ??
      VERBS.get(does.split('/').at(-1) ?? '') ??
      'invoke',
    resource: { type, id, ancestors: around.filter((ancestor) => ancestor.id !== id) },
    family: 'arm',
    secrets: one.secrets ?? listed?.secrets ?? false,
    longRunning: false,
    scope: place,
    inspectable: false,
  }
}

function wrongIn(one: Case, verdict: Verdict): string | null {
  const { decision, permit } = verdict
  const said: string[] = []
  if (decision.verdict !== one.decision) said.push(`${decision.verdict}: ${decision.reason}`)
  const policies = one.policies?.toSorted().join(', ')
  if (policies !== undefined && policies !== decision.policies.join(', ')) {
    said.push(`decided by [${decision.policies.join(', ')}]`)
  }
  if (one.identity !== undefined && permit !== null && permit.effects.identity !== one.identity) {
    said.push(`under the identity ${permit.effects.identity}`)
  }
  if (one.code !== undefined && verdict.permit === null && verdict.refusal.code !== one.code) {
    said.push(`with the code ${verdict.refusal.code}`)
  }
  return said.length === 0 ? null : said.join('; ')
}
