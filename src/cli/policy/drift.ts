/**
 * `policy drift`: what Azure grants the managed identities, against what the policies need.
 * @module
 */
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema/schema.ts'
import { armFetch, armOf } from '../../doctor/arm.ts'
import { findDrift, isDrift, type Drift } from '../../policy/review/drift.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import { grantsOf } from '../../policy/review/export/grants.ts'
import { armAccess, brokerOf, principalsOf, type ArmAccess } from '../arm-access.ts'
import { TOKEN_VARIABLE } from '../command.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem } from '../problem.ts'
import { createProgress, type Progress } from '../progress.ts'
import { policyOf } from './options.ts'

/** Actions named in the text; the other forms have all. */
const MAX_NAMED = 8

export interface DriftOptions {
  readonly config?: string | undefined
  /** `NAME=OBJECT-ID` each. */
  readonly principal?: string[] | undefined
  /** What is granted beyond what is needed is shown and is no failure. */
  readonly allowExcess?: true | undefined
  readonly output: Output
}

export async function policyDrift(options: DriftOptions, io: Io): Promise<number> {
  const given = principalsOf(options.principal ?? [])
  const file = configFile(options, io)
  const config = await loadConfig(file)
  const { set } = await policyOf({ config: file }, io)
  const grants = grantsOf(set)
  if (grants.subscriptions.length === 0)
    throw new Problem(
      'the policies need nothing of Azure anywhere, so there is nothing to compare',
      'bind a template, or look at the role assignments of the identities yourself',
    )
  const identities = identitiesIn(set)
  const { ids, tokens } = await askedWith(config, identities, given, io)
  const actions = [...new Set(set.words.actions.map(({ name }) => name))]
  const fetch = armFetch(armOf(config.cloud).origin, tokens)
  let progress: Progress | null = null
  const onRead = (of: number): void => {
    progress ??= createProgress(io, 'asking Azure', of)
    progress.add(1)
  }
  const asked = { everywhere: true, identities, onRead }
  const drift = await findDrift(grants, ids, actions, fetch, asked).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : 'failed'
    throw new Problem(
      `Azure Resource Manager cannot be asked: ${why}`,
      `set ${TOKEN_VARIABLE} to a token that may read role assignments (the role Reader on each subscription)`,
      error,
    )
  })
  io.progress?.(null)
  const { allowExcess = false } = options
  const ok = !drift.some((one) => isDrift(allowExcess ? { ...one, excess: [] } : one))
  show(io, options.output, {
    json: () => ({ ok, drift }),
    table: () => drift.flatMap(linesOf),
    tsv: () => drift.flatMap(rowsOf),
  })
  return ok ? EXIT.ok : EXIT.failed
}

/** All that a permit names, bound or not: what was bound until yesterday may still have its roles. */
function identitiesIn({ templates, rules }: PolicySet): readonly string[] {
  const policies = [...templates.values(), ...[...rules.values()].map(({ policy }) => policy)]
  return [...new Set(policies.flatMap(({ identity }) => identity ?? []))].sort()
}

/** What to ask ARM with. @throws Problem if the object id of one of the identities cannot be known */
async function askedWith(
  config: Config,
  identities: readonly string[],
  given: ReadonlyMap<string, string>,
  io: Io,
): Promise<ArmAccess> {
  const broker = brokerOf(config, io)
  try {
    const access = await armAccess(config, identities, given, io, broker)
    const unknown = identities.find((name) => !access.ids.has(name))
    if (unknown === undefined) return access
    throw new Problem(
      `the object id of identity "${unknown}" is not known`,
      `give --principal ${unknown}=OBJECT-ID: az identity show --query principalId`,
    )
  } finally {
    broker.close()
  }
}

function linesOf(one: Drift): readonly string[] {
  const { identity, scope, missing, excess, inherited, assigned } = one
  const conditions = assigned.filter(({ condition }) => condition !== null)
  return [
    `${identity} on ${placeOf(scope)}`,
    `  missing ${missing.length}${missing.length === 0 ? '' : `: ${named(missing)}`}`,
    `  excess ${excess.length}${excess.length === 0 ? '' : `: ${named(excess)}`}`,
    ...(isDrift(one)
      ? assigned.map(({ role, scope: at }) => `  has role "${role}" on ${placeOf(at)}`)
      : []),
    ...conditions.map(
      ({ role, condition }) => `  condition on role "${role}", not evaluated: ${condition}`,
    ),
    ...inherited.map((from) => `  inherited from ${placeOf(from)}`),
  ]
}

/** The scope of everything has no name. */
const placeOf = (scope: string): string => (scope === '' ? '/' : scope)

function rowsOf({ identity, scope, missing, excess, assigned }: Drift): readonly string[][] {
  return [
    ...missing.map((action) => [identity, scope, 'missing', action]),
    ...excess.map((action) => [identity, scope, 'excess', action]),
    ...assigned.flatMap(({ role, condition }) =>
      condition === null ? [] : [[identity, scope, 'condition', `${role}: ${condition}`]],
    ),
  ]
}

function named(actions: readonly string[]): string {
  const more = actions.length > MAX_NAMED ? ` and ${actions.length - MAX_NAMED} more` : ''
  return actions.slice(0, MAX_NAMED).join(', ') + more
}
