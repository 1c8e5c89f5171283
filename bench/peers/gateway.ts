/**
 * The gateway as it is deployed, with a durable record; and without waiting for the disk, to show what that costs.
 */
import { join } from 'node:path'
import { BUNDLE, writeBundle } from '../../packaging/bundle.ts'
import { NODE_FLAGS, spawnGateway, type GatewayOptions } from '../../lab/gateway/gateway.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import type { World } from '../world/world.ts'
import type { Peer, Running } from './peer.ts'

/** More flags for its Node, such as those of a profile, and what its configuration has besides. */
export interface Extra {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly change?: (config: ConfigFile) => ConfigFile
  /** What Node runs, if not the sources. */
  readonly main?: string
}

const bundles = new WeakMap<World, Promise<string>>()

/** What is deployed, written once a world. @returns what Node runs of it */
export function bundleIn(world: World): Promise<string> {
  const directory = join(world.directory, 'bundle')
  const written = bundles.get(world) ?? writeBundle(directory).then(() => join(directory, BUNDLE))
  bundles.set(world, written)
  return written
}

const unchanged = (config: ConfigFile): ConfigFile => config

/** Starts one gateway more in the world; `name` names its files there. */
export async function startGatewayIn(
  world: World,
  name: string,
  { flags = [], env = {}, change = unchanged, main }: Extra = {},
): Promise<Running> {
  const options: GatewayOptions = {
    configFile: join(world.directory, `${name}.yaml`),
    spool: join(world.directory, name),
    execArgv: [...NODE_FLAGS, ...flags],
    env,
    ...(main === undefined ? {} : { main }),
    change: (config) => change(world.configure(config)),
  }
  const gateway = await spawnGateway(world.lab, options)
  return {
    url: gateway.url,
    pid: gateway.pid,
    records: true,
    async stop() {
      await gateway.stop()
    },
  }
}

export const GATEWAY: Peer = {
  name: 'gateway',
  does: 'identity, policy, a managed identity, rewriting, a durable record that is shipped',
  start: async (world) => startGatewayIn(world, 'gateway', { main: await bundleIn(world) }),
}

export const UNSYNCED: Peer = {
  name: 'gateway without fsync',
  does: 'the same, with a record that a power failure may take',
  start: async (world) =>
    startGatewayIn(world, 'unsynced', {
      main: await bundleIn(world),
      change: (config) => {
        const spool = {
          ...config.audit.spool,
          durability: 'records-may-be-lost-on-power-failure',
        } as const
        return { ...config, audit: { ...config.audit, spool } }
      },
    }),
}
