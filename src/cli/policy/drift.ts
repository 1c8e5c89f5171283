/**
 * `policy drift`: what Azure grants the managed identities, against what the policies need.
 * @module
 */
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema/schema.ts'
import { armFetch, armOf, objectIdOf } from '../../doctor/arm.ts'
import { findDrift, type Drift } from '../../policy/review/drift.ts'
import { grantsOf } from '../../policy/review/export/grants.ts'
import { createBroker } from '../../token/broker.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { Problem, UsageError } from '../problem.ts'
import { createProgress, type Progress } from '../progress.ts'
import { TOKEN_VARIABLE } from './commands.ts'
import { policyOf } from './options.ts'
import { QUIET } from '../../lib/log.ts'

/** Actions named in the text; the other forms have all. */
const MAX_NAMED = 8

export interface DriftOptions {
  readonly config?: string | undefined
  /** `NAME=OBJECT-ID` each. */
  readonly principal?: string[] | undefined
  readonly output: Output
}

export async function policyDrift(options: DriftOptions, io: Io): Promise<number> {
  const given = principalsOf(options.principal ?? [])
  const file = configFile(options, io)
  const config = await loadConfig(file)
  const { set } = await policyOf({ config: file }, io)
  const grants = grantsOf(set)
  const { ids, tokens } = await askedWith(config, grants.identities, given, io)
  const actions = [...new Set(set.words.actions.map(({ name }) => name))]
  const fetch = armFetch(armOf(config.cloud).origin, tokens)
  let progress: Progress | null = null
  const drift = await findDrift(grants, ids, actions, fetch, (of) => {
    progress ??= createProgress(io, 'asking Azure', of)
    progress.add(1)
  }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : 'failed'
    throw new Problem(
      `Azure Resource Manager cannot be asked: ${why}`,
      `set ${TOKEN_VARIABLE} to a token that may read role assignments (the role Reader on each scope)`,
      error,
    )
  })
  io.progress?.(null)
  const ok = drift.every(({ missing }) => missing.length === 0)
  show(io, options.output, {
    json: () => ({ ok, drift }),
    table: () => drift.flatMap(linesOf),
    tsv: () => drift.flatMap(rowsOf),
  })
  return ok ? EXIT.ok : EXIT.failed
}

/** @throws UsageError if one of them is no `NAME=OBJECT-ID` */
function principalsOf(pairs: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const pair of pairs) {
    const [, name, id] = /^([a-z][a-z0-9-]*)=([0-9a-f-]{36})$/i.exec(pair) ?? []
    if (name === undefined || id === undefined)
      throw new UsageError('--principal is NAME=OBJECT-ID')
    found.set(name, id)
  }
  return found
}

/** Object ids by identity, and tokens to ask with: the identities' own only if the environment gives none. */
async function askedWith(
  config: Config,
  identities: readonly string[],
  given: ReadonlyMap<string, string>,
  io: Io,
): Promise<{ ids: ReadonlyMap<string, string>; tokens: readonly string[] }> {
  const own = io.env[TOKEN_VARIABLE] ?? ''
  const ids = new Map(given)
  const tokens = own === '' ? [] : [own]
  const broker = createBroker({
    identities: new Map(Object.entries(config.identities)),
    cloud: config.cloud.name,
    timeoutMs: config.limits.tokenTimeoutMs,
    now: io.now,
    log: QUIET,
  })
  try {
    for (const name of identities) {
      const identity = config.identities[name]
      const known = identity !== undefined && 'objectId' in identity ? identity.objectId : undefined
      if (known !== undefined && !ids.has(name)) ids.set(name, known)
      if (own !== '' && ids.has(name)) continue
      const held = await broker.token(name, armOf(config.cloud).scope).catch(() => null)
      const objectId = held === null ? null : objectIdOf(held.token)
      if (held !== null && own === '') tokens.push(held.token)
      if (objectId !== null && !ids.has(name)) ids.set(name, objectId)
      if (!ids.has(name))
        throw new Problem(
          `the object id of identity "${name}" is not known`,
          `give --principal ${name}=OBJECT-ID: az identity show --query principalId`,
        )
    }
  } finally {
    broker.close()
  }
  return { ids, tokens }
}

function linesOf({ identity, scope, missing, excess, inherited }: Drift): readonly string[] {
  return [
    `${identity} on ${scope}`,
    `  missing ${missing.length}${missing.length === 0 ? '' : `: ${named(missing)}`}`,
    `  excess ${excess.length}${excess.length === 0 ? '' : `: ${named(excess)}`}`,
    ...inherited.map((from) => `  inherited from ${from === '' ? '/' : from}`),
  ]
}

function rowsOf({ identity, scope, missing, excess }: Drift): readonly (readonly string[])[] {
  return [
    ...missing.map((action) => [identity, scope, 'missing', action]),
    ...excess.map((action) => [identity, scope, 'excess', action]),
  ]
}

function named(actions: readonly string[]): string {
  const more = actions.length > MAX_NAMED ? ` and ${actions.length - MAX_NAMED} more` : ''
  return actions.slice(0, MAX_NAMED).join(', ') + more
}
