/**
 * What the workspace commands know of the gateway, and what they ask Azure with.
 * @module
 */
import { loadConfig } from '../../config/load.ts'
import type { Config } from '../../config/schema/schema.ts'
import { armOf } from '../../doctor/arm.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { armAccess, brokerOf, principalsOf } from '../arm-access.ts'
import { TOKEN_VARIABLE } from '../command.ts'
import { configFileIfAny } from '../config-file.ts'
import type { Io } from '../io.ts'
import { policyOf, type PolicyOptions } from '../policy/options.ts'
import { Problem, UsageError } from '../problem.ts'
import type { CloudName } from '../../vocabulary/clouds.ts'
import { createAzure, type Azure } from './azure.ts'
import type { GatewaySide } from './checks/subject.ts'

/** Options that all workspace commands have. */
export interface WorkspaceValues {
  readonly config?: string | undefined
  /** `NAME=OBJECT-ID` each. */
  readonly principal?: string[] | undefined
  readonly cloud?: CloudName | undefined
}

export interface Sides {
  readonly azure: Azure
  readonly gateway: GatewaySide | null
  /** How the policies were loaded; null without a configuration. */
  readonly loaded: PolicyOptions | null
}

/**
 * Calls `work` with both sides, and lets go of them after it.
 * @throws Problem if there is nothing to ask Azure with
 */
export async function withSides<T>(
  values: WorkspaceValues,
  io: Io,
  work: (sides: Sides) => Promise<T>,
): Promise<T> {
  const given = principalsOf(values.principal ?? [])
  const file = configFileIfAny(values, io)
  const own = io.env[TOKEN_VARIABLE] ?? ''
  if (file === null) {
    if (own === '')
      throw new UsageError(
        `--config FILE is needed, or a token for Azure Resource Manager in ${TOKEN_VARIABLE}`,
      )
    const { origin } = armOf({ name: values.cloud ?? 'AzureCloud' })
    return work({ azure: createAzure(origin, [own], io), gateway: null, loaded: null })
  }
  if (values.cloud !== undefined) throw new UsageError('--config and --cloud exclude each other')
  const config = await loadConfig(file)
  const { set: policies, options: loaded } = await policyOf({ config: file }, io)
  const broker = brokerOf(config, io)
  try {
    const { ids, tokens } = await armAccess(config, identitiesOf(config), given, io, broker)
    if (tokens.length === 0)
      throw new Problem(
        'there is nothing to ask Azure Resource Manager with: no identity of the gateway gets a token here',
        `run this where the gateway runs, or set ${TOKEN_VARIABLE} to a token of somebody who may read there`,
      )
    const azure = createAzure(armOf(config.cloud).origin, tokens, io)
    return await work({ azure, gateway: { config, policies, broker, ids }, loaded })
  } finally {
    broker.close()
  }
}

/** The identities that have a token of their own. */
function identitiesOf({ identities }: Config): readonly string[] {
  return Object.entries(identities).flatMap(([name, { kind }]) =>
    kind === 'on-behalf-of' ? [] : [name],
  )
}

const WORKSPACE_ID = new RegExp(
  `^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/${PROVIDER.replace('.', '\\.')}/workspaces/[^/]+$`,
  'iu',
)

/** An ARM id of a workspace, as it is typed. @throws UsageError for anything else */
export function workspaceIdOf(typed: string): string {
  const id = typed.replace(/\/+$/u, '')
  if (WORKSPACE_ID.test(id) && !/[?#%\s]/u.test(id)) return id
  throw new UsageError(
    `WORKSPACE_ID is /subscriptions/ID/resourceGroups/NAME/providers/${PROVIDER}/workspaces/NAME: az ml workspace show --query id`,
  )
}
