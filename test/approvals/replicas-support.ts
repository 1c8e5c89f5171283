/**
 * Replicas whose reviews and grants are in one container of Microsoft's storage emulator.
 * @module
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { STORAGE_ACCOUNT } from '../../lab/azure/azurite.ts'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import type { Lab } from '../../lab/lab.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import { send, type Answer } from '../support/send.ts'

export interface Replicas {
  /** Of the first one. */
  readonly world: World
  /** The second one. */
  readonly replica: Gateway
  /** All but the first one. */
  readonly others: readonly Gateway[]
  /** Calls one of them, by its URL. */
  readonly at: (
    url: string,
    persona: string,
    method: string,
    path: string,
    body?: object,
  ) => Promise<Answer>
  readonly close: () => Promise<void>
}

export interface ReplicasOptions {
  readonly container: string
  /** How many there are; 2 if absent. */
  readonly count?: number
  /** Policies besides the shipped ones. */
  readonly files: Readonly<Record<string, string>>
  readonly bindings?: string
  readonly env?: Readonly<Record<string, string>>
  readonly change?: (config: ConfigFile) => ConfigFile
}

export async function startReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { container, count = 2, env = {} } = options
  const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-replicas-'))
  const keyFile = join(folder, 'key.pem')
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const policies = await ownPolicies(options.files, options.bindings)
  const changeOf =
    ({ storage }: Lab) =>
    (config: ConfigFile): ConfigFile => {
      const changed = policies.change({
        ...config,
        approvals: {
          keys: [{ fromFile: keyFile }],
          ledger: {
            container: `${storage?.azurite.url}/${STORAGE_ACCOUNT}/${container}`,
            identity: 'audit-writer',
          },
        },
      })
      return options.change?.(changed) ?? changed
    }
  const world = await startGateway({
    lab: { storage: true },
    gateway: (lab) => ({ env, change: changeOf(lab) }),
  })
  await world.lab.storage?.azurite.createContainer(container)
  const change = changeOf(world.lab)
  const start = async (number: number): Promise<Gateway> =>
    spawnGateway(world.lab, {
      env,
      configFile: join(world.lab.directory, `replica-${number}.yaml`),
      spool: join(world.lab.directory, `spool-replica-${number}`),
      change: (config) => {
        const { hosts = [], publicUrl, ...listen } = config.listen
        const host = new URL(publicUrl).host
        return change({
          ...config,
          listen: { ...listen, publicUrl: world.url, hosts: [...hosts, host] },
        })
      },
    })
  const replica = await start(1)
  const others = [replica]
  while (others.length < count - 1) others.push(await start(others.length + 1))
  return {
    world,
    replica,
    others,
    at: async (url, persona, method, path, body) =>
      send(url, world.lab.certificates.ca, path, {
        method,
        headers: {
          authorization: `Bearer ${await world.lab.token(persona)}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async close() {
      await Promise.all(others.map((one) => one.stop()))
      await world.close()
      await policies.remove()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
