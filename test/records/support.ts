/**
 * A lab and a gateway whose policies let `reviewer` read the records of ws-lab, and `reader` its state.
 * @module
 */
import { workspaceId } from '../../lab/personas.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import type { Lab } from '../../lab/lab.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import type { Answer } from '../support/send.ts'

export const W = workspaceId()
export const V = '?api-version=2024-04-01'
export const API = '/_harness/api'
const KEY = 'a key that all replicas have, 32 bytes'

export const BINDINGS = `
  - id: auditors-on-ws-lab
    template: auditor
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: operators-of-gateway
    template: operator
    principal: Group::"okta/ml-readers"
    resource: Gateway::"gateway"
  - id: scientists-for-a-while
    template: reader
    principal: Group::"scientists"
    resource: Workspace::"lab"
    from: 2026-01-01T00:00:00Z
    until: 2999-01-01T00:00:00Z
    reason: a project
`

export interface Insight {
  readonly world: World
  /** GETs a path in the name of a persona. */
  readonly as: (persona: string, path: string, init?: object) => Promise<Answer>
  /** GETs records. */
  readonly records: (persona: string, query?: string) => Promise<Page>
  readonly close: () => Promise<void>
}

/** An answer about records. */
export interface Page {
  readonly source: string
  readonly from: string | null
  readonly asOf: string
  readonly complete: boolean
  readonly faults: readonly string[]
  readonly since: string
  readonly until: string
  readonly next: string | null
  readonly nextLink: string | null
  readonly value: readonly Readonly<Record<string, unknown>>[]
}

export async function startInsight(
  options: {
    readonly change?: (config: ConfigFile, lab: Lab) => ConfigFile
    readonly execArgv?: string[]
  } = {},
): Promise<Insight> {
  const policies = await ownPolicies({}, BINDINGS)
  const world = await startGateway({
    gateway: (lab) => ({
      env: { OPERATION_KEY: KEY },
      ...(options.execArgv === undefined ? {} : { execArgv: options.execArgv }),
      change: (config) => {
        const changed = policies.change({ ...config, operationKey: { fromEnv: 'OPERATION_KEY' } })
        return options.change?.(changed, lab) ?? changed
      },
    }),
  })
  const as: Insight['as'] = async (persona, path, init = {}) => {
    const authorization = `Bearer ${await world.lab.token(persona)}`
    return world.send(path, {
      headers: { authorization, 'content-type': 'application/json' },
      ...init,
    })
  }
  return {
    world,
    as,
    async records(persona, query = '') {
      const answer = await as(persona, `${API}/records${query === '' ? '' : `?${query}`}`)
      if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`)
      return answer.json() as Page
    },
    async close() {
      await world.close()
      await policies.remove()
    },
  }
}
