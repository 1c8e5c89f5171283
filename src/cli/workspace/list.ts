/**
 * `workspace list`: which workspaces of Azure are used through the gateway only, which in part, which not at all.
 * @module
 */
import { isGuid } from '../../lib/guid.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import { createProgress } from '../progress.ts'
import { problemOf, Unread, type Azure } from './azure.ts'
import { policyPrincipals } from './checks/assigned-policies.ts'
import { readWriters, type Role } from './checks/bypass.ts'
import { bindingsAt } from './checks/reach.ts'
import { inside, inWorkspace, is, principalsIn, text, type GatewaySide } from './checks/subject.ts'
import { withSides, type WorkspaceValues } from './gateway-side.ts'
import type { Members } from '../../lib/strict-json.ts'

export interface ListOptions extends WorkspaceValues {
  readonly subscription?: string | undefined
  readonly accept?: string[] | undefined
  readonly output: Output
}

/** Workspaces that are looked at at the same time: more only make Azure throttle. */
const AT_ONCE = 8

/** `governed`: bound, closed, and nobody else writes. `half`: bound, and something of the rest is not so, or unknown. */
type State = 'governed' | 'half' | 'none'

interface Listed {
  readonly id: string
  readonly state: State
  /** Bindings that reach it. */
  readonly bindings: number
  /** Principals that may write without the gateway; null if that is not known. */
  readonly writers: number | null
  readonly publicNetwork: boolean
  /** Why something is not known; null if all is. */
  readonly unknown: string | null
}

/** What the look at one workspace shares with the others. */
interface Shared {
  readonly azure: Azure
  readonly gateway: GatewaySide
  readonly accepted: readonly string[]
  readonly roles: Map<string, Promise<Role>>
}

export async function workspaceList(options: ListOptions, io: Io): Promise<number> {
  const { subscription } = options
  if (subscription !== undefined && !isGuid(subscription))
    throw new UsageError(`--subscription takes the id of a subscription, not "${subscription}"`)
  configFile(options, io)
  const found = await withSides(options, io, async ({ azure, gateway }) => {
    if (gateway === null) return []
    const accepted = (options.accept ?? []).map((one) => one.toLowerCase())
    const shared = { azure, gateway, accepted, roles: new Map<string, Promise<Role>>() }
    return lookAtAll(await readWorkspaces(azure, subscription), shared, io)
  })
  const count = (state: State): number => found.filter((one) => one.state === state).length
  const unknown = found.filter((one) => one.unknown !== null)
  show(io, options.output, {
    json: () => ({ ok: unknown.length === 0, workspaces: found }),
    table: () => [
      ...tableLines(['STATE', 'BINDINGS', 'OTHER WRITERS', 'PUBLIC', 'WORKSPACE'], found.map(row)),
      `${count('governed')} governed, ${count('half')} half, ${count('none')} not at all`,
    ],
    tsv: () => found.map(row),
  })
  for (const one of unknown) io.err(`${one.id}: ${one.unknown ?? ''}`)
  return unknown.length === 0 ? EXIT.ok : EXIT.failed
}

const row = ({ id, state, bindings, writers, publicNetwork }: Listed) =>
  [state, bindings, writers ?? '?', publicNetwork ? 'yes' : 'no', id] as const

/** Of one subscription, or of all that who asks may see. @throws Problem if they cannot be listed */
async function readWorkspaces(
  azure: Azure,
  subscription: string | undefined,
): Promise<readonly Members[]> {
  try {
    return await workspacesIn(azure, subscription)
  } catch (error) {
    throw error instanceof Unread ? problemOf(error) : error
  }
}

async function workspacesIn(
  azure: Azure,
  subscription: string | undefined,
): Promise<readonly Members[]> {
  const ids =
    subscription === undefined
      ? (
          await azure.list({
            id: '/subscriptions',
            apiVersion: '2022-12-01',
            permission: 'Microsoft.Resources/subscriptions/read',
          })
        ).map((one) => text(one, 'subscriptionId'))
      : [subscription]
  const found: Members[] = []
  for (const id of ids)
    found.push(
      ...(await azure.list(inWorkspace(`/subscriptions/${id}/providers/${PROVIDER}/workspaces`))),
    )
  return found
}

/** Looks at all, some at a time, in the order in which Azure lists them. */
async function lookAtAll(
  workspaces: readonly Members[],
  shared: Shared,
  io: Io,
): Promise<readonly Listed[]> {
  const progress = createProgress(io, 'asking Azure', workspaces.length)
  const found: Listed[] = []
  const waiting = [...workspaces.entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, workspace] = next
      found[at] = await lookAt(workspace, shared)
      progress.add(1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  progress.end()
  return found
}

async function lookAt(workspace: Members, shared: Shared): Promise<Listed> {
  const id = text(workspace, 'id')
  const bindings = bindingsAt(shared.gateway.policies, id).length
  const publicNetwork = !is(inside(workspace, 'properties'), 'publicNetworkAccess', 'Disabled')
  const writers = await countWriters(id, workspace, shared).catch((error: unknown) => {
    if (error instanceof Unread) return error
    throw error
  })
  const known = writers instanceof Unread ? null : writers
  const closed = known === 0 && !publicNetwork
  return {
    id,
    state: bindings === 0 ? 'none' : closed ? 'governed' : 'half',
    bindings,
    writers: known,
    publicNetwork,
    unknown: writers instanceof Unread ? whyUnknown(writers) : null,
  }
}

const whyUnknown = ({ message, permission }: Unread): string =>
  `who may write cannot be read: ${message}${permission === null ? '' : `; give who asks ${permission}`}`

/** Principals that may write and are neither the gateway, nor the workspace, nor Azure Policy, nor accepted. */
async function countWriters(id: string, workspace: Members, shared: Shared): Promise<number> {
  const { azure, gateway, accepted, roles } = shared
  const own = new Set([
    ...[...gateway.ids.values()].map((one) => one.toLowerCase()),
    ...principalsIn(workspace),
    ...accepted,
  ])
  const others = (await readWriters(azure, id, roles)).filter(
    ({ principalId }) => !own.has(principalId),
  )
  if (others.length === 0) return 0
  const policy = new Set(await policyPrincipals(azure, id))
  const left = others.filter(({ principalId }) => !policy.has(principalId))
  return new Set(left.map(({ principalId }) => principalId)).size
}
