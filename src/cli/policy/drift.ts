/**
 * `policy drift`: what Azure grants the managed identities, against what the policies need.
 * @module
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema/schema.ts'
import { armFetch, armOf, objectIdOf } from '../../doctor/arm.ts'
import { findDrift, type Drift } from '../../policy/review/drift.ts'
import { grantsOf } from '../../policy/review/export/grants.ts'
import { createBroker } from '../../token/broker.ts'
import { EXIT, type Command, type Io } from '../io.ts'
import { policyOf } from './options.ts'
import { Problem } from '../problem.ts'
import { QUIET } from '../../lib/log.ts'

const TOKEN_VARIABLE = 'AZURE_ARM_TOKEN'
/** Actions named in the text; --json has all. */
const MAX_NAMED = 8

export const policyDrift: Command = {
  summary: 'compare what Azure grants the managed identities with what the policies need',
  help: `Usage: azureml-harness policy drift --config FILE [--principal NAME=OBJECT-ID]... [--json]

Reads the role assignments of each identity from Azure Resource Manager, inherited ones included, and compares:
missing actions are calls that policy permits and Azure refuses; excess ones Azure would allow if policy failed.

  --config FILE                the gateway's configuration
  --principal NAME=OBJECT-ID   object id of an identity; else its objectId in the configuration, or, where the
                               gateway runs, the one in its token; may be repeated
  --json                       one object on standard output: {"ok", "drift": [{"identity", "scope", "missing", "excess", "inherited"}]}

Asks ARM with the token in ${TOKEN_VARIABLE}, or, where the gateway runs, with those of the identities. Deny
assignments and conditions of role assignments are not evaluated.

Exit status: 0 nothing is missing, 1 something is or ARM cannot be asked, 2 wrong arguments.
Example: ${TOKEN_VARIABLE}=$(az account get-access-token --query accessToken -o tsv) azureml-harness policy drift --config harness.yaml`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        principal: { type: 'string', multiple: true },
        json: { type: 'boolean' },
      },
    })
    if (values.config === undefined) {
      io.err('policy drift needs --config FILE')
      return EXIT.usage
    }
    const given = principalsOf(values.principal ?? [])
    const config = await loadConfig(resolve(io.cwd, values.config))
    const loaded = given === null ? null : await policyOf({ config: values.config }, io)
    if (given === null || loaded === null) {
      io.err('--principal is NAME=OBJECT-ID')
      return EXIT.usage
    }
    const grants = grantsOf(loaded.set)
    const { ids, tokens } = await askedWith(config, grants.identities, given, io)
    const actions = [...new Set(loaded.set.words.actions.map(({ name }) => name))]
    const fetch = armFetch(armOf(config.cloud).origin, tokens)
    const drift = await findDrift(grants, ids, actions, fetch).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : 'failed'
      throw new Problem(
        `Azure Resource Manager cannot be asked: ${why}`,
        `set ${TOKEN_VARIABLE} to a token that may read role assignments (the role Reader on each scope)`,
        error,
      )
    })
    const ok = drift.every(({ missing }) => missing.length === 0)
    if (values.json === true) io.out(JSON.stringify({ ok, drift }))
    else for (const one of drift) show(one, io)
    return ok ? EXIT.ok : EXIT.failed
  },
}

/** Null if one of them is no `NAME=OBJECT-ID`. */
function principalsOf(pairs: readonly string[]): ReadonlyMap<string, string> | null {
  const found = new Map<string, string>()
  for (const pair of pairs) {
    const [, name, id] = /^([a-z][a-z0-9-]*)=([0-9a-f-]{36})$/i.exec(pair) ?? []
    if (name === undefined || id === undefined) return null
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

function show({ identity, scope, missing, excess, inherited }: Drift, io: Io): void {
  io.out(`${identity} on ${scope}`)
  io.out(`  missing ${missing.length}${missing.length === 0 ? '' : `: ${named(missing)}`}`)
  io.out(`  excess ${excess.length}${excess.length === 0 ? '' : `: ${named(excess)}`}`)
  for (const from of inherited) io.out(`  inherited from ${from === '' ? '/' : from}`)
}

function named(actions: readonly string[]): string {
  const more = actions.length > MAX_NAMED ? ` and ${actions.length - MAX_NAMED} more` : ''
  return actions.slice(0, MAX_NAMED).join(', ') + more
}
