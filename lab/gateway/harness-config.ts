/**
 * The configuration of a gateway that lives in the lab.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { AuditConfig, Config, IssuerConfig } from '../../src/config/schema/schema.ts'
import { INTROSPECTION_CLIENT } from '../identity/issuers/issuers.ts'
import { INTROSPECTION_SECRET_VARIABLE, type Lab } from '../lab.ts'
import {
  AUDIENCE_GUID,
  AUDIENCE_URI,
  ENTRA_CLI,
  ENTRA_CONSOLE,
  IDENTITIES,
  LOG_READER,
  OKTA_CLI,
  OKTA_CONSOLE,
  REGION,
  RULE_ID,
  STREAM,
  USED_IDENTITIES,
  workspaceId,
  type LabIdentity,
} from '../personas.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BINDINGS = join(ROOT, 'lab', 'gateway', 'bindings.yaml')

type SpoolConfig = AuditConfig['spool']
type Loose<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>

/** A configuration as a file has it: what has a default may be left out. */
export type ConfigFile = Omit<Config, 'audit' | 'issuers' | 'limits'> & {
  readonly issuers: Loose<IssuerConfig, 'algorithms' | 'clockToleranceSeconds'>[]
  readonly audit: Omit<AuditConfig, 'spool' | 'unidentified'> & {
    readonly unidentified?: Partial<AuditConfig['unidentified']>
    readonly spool: Pick<SpoolConfig, 'directory'> & Partial<SpoolConfig>
  }
  readonly limits?: Partial<Config['limits']>
}

/** What differs from one gateway of the lab to the next. */
export interface GatewayConfigOptions {
  /** 0 picks a free port, which `publicUrl` must then be told by the caller: give one. */
  readonly port: number
  readonly host?: string
  readonly spool?: string
  readonly bindings?: string
  /** Changes the configuration before it is written. */
  readonly change?: (config: ConfigFile) => ConfigFile
}

/** The configuration, with absolute paths, so that its file can lie anywhere. */
function gatewayConfig(lab: Lab, options: GatewayConfigOptions): ConfigFile {
  const { certificates, urls, issuers } = lab
  const regions = Object.fromEntries([[workspaceId().toLowerCase(), REGION]])
  const config: ConfigFile = {
    listen: {
      host: options.host ?? '127.0.0.1',
      port: options.port,
      publicUrl: `https://localhost:${options.port}`,
      tls: { certFile: certificates.certFile, keyFile: certificates.keyFile },
    },
    cloud: {
      name: 'AzureCloud',
      resourceManager: urls.upstream,
      dataPlane: urls.dataPlane,
      scoring: lab.scoringHosts,
      regions,
    },
    issuers: [
      {
        name: 'entra',
        profile: 'entra',
        issuer: issuers.entra.url,
        audiences: [AUDIENCE_GUID, AUDIENCE_URI],
        cli: { clientId: ENTRA_CLI, scopes: [`${AUDIENCE_URI}/user_impersonation`] },
        console: {
          clientId: ENTRA_CONSOLE,
          scopes: [`${AUDIENCE_URI}/user_impersonation`],
          authentication: { federatedBy: 'audit-writer' },
        },
      },
      {
        name: 'okta',
        profile: 'okta',
        issuer: issuers.okta.url,
        audiences: [AUDIENCE_URI],
        cli: { clientId: OKTA_CLI, scopes: ['azureml'] },
        console: {
          clientId: OKTA_CONSOLE,
          scopes: ['azureml'],
          authentication: {
            privateKey: { fromFile: lab.consoleKeyFiles.signing },
            keyId: 'console',
          },
        },
      },
    ],
    // what is used by a test alone is added there: `withLogReader`
    identities: Object.fromEntries(USED_IDENTITIES.map(managedIdentity)),
    policies: {
      directory: join(ROOT, 'policies'),
      bindings: options.bindings ?? BINDINGS,
    },
    console: { cookieKeys: [{ fromFile: lab.consoleKeyFiles.cookies }] },
    audit: {
      spool: { directory: options.spool ?? lab.spool },
      sinks: [
        {
          name: 'azure-monitor',
          kind: 'azure-monitor',
          endpoint: urls.ingestion,
          ruleId: RULE_ID,
          stream: STREAM,
          identity: 'audit-writer',
        },
      ],
    },
  }
  return options.change === undefined ? config : options.change(config)
}

/** Whom a refused caller is told to ask, in the lab. */
export const LAB_CONTACT = 'ml-platform@lab.example'

/** For `change`: people get their own tokens for storage with their sign-in at Entra ID. */
export function withStorageTokens(config: ConfigFile): ConfigFile {
  const issuers = config.issuers.map((one) =>
    one.profile === 'entra' && one.cli !== undefined
      ? { ...one, cli: { ...one.cli, storage: true } }
      : one,
  )
  return { ...config, issuers }
}

/** What people try besides, in the console: records, policies and state. */
const MORE_BINDINGS = `  - id: auditors-on-ws-lab
    template: auditor
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: operators-of-the-gateway
    template: operator
    principal: Group::"reviewers"
    resource: Gateway::"gateway"
`

/**
 * For `change`: what a gateway for people has besides. Refusals say whom to ask and how to ask why, and what they carry for
 * that is still read after a restart. Reviewers may see what others did, and how the gateway is.
 */
export async function forPeople(lab: Lab): Promise<(config: ConfigFile) => ConfigFile> {
  const key = join(lab.directory, 'operation.key')
  // of an earlier lab in the same directory: what it signed is still valid
  await writeFile(key, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    },
  )
  const bindings = join(lab.directory, 'bindings.yaml')
  await writeFile(bindings, `${await readFile(BINDINGS, 'utf8')}${MORE_BINDINGS}`)
  return (config) => ({
    ...withStorageTokens(config),
    policies: { ...config.policies, bindings },
    operationKey: { fromFile: key },
    help: { contact: LAB_CONTACT, url: 'https://lab.example/access?decision={decision}' },
  })
}

const managedIdentity = ({ name, clientId }: LabIdentity) =>
  [name, { kind: 'managed-identity', clientId }] as const

/** For `change`: the identity that may read the Log Analytics workspace of the lab. */
export function withLogReader(config: ConfigFile): ConfigFile {
  const added = Object.fromEntries(
    IDENTITIES.filter(({ name }) => name === LOG_READER).map(managedIdentity),
  )
  return { ...config, identities: { ...config.identities, ...added } }
}

/** For `change`: group overage is resolved at the lab's Graph. */
export function withGraph(lab: Lab): (config: ConfigFile) => ConfigFile {
  const scope = 'https://graph.microsoft.com/.default'
  const graph = { endpoint: lab.urls.graph, identity: 'ml-reader', scope }
  return (config) => ({
    ...config,
    issuers: config.issuers.map((one) => (one.profile === 'entra' ? { ...one, graph } : one)),
  })
}

/** For `change`: Okta is asked about tokens; `lab.env` has the secret. */
export function withIntrospection(everyToken: boolean): (config: ConfigFile) => ConfigFile {
  const clientSecret = { fromEnv: INTROSPECTION_SECRET_VARIABLE }
  const introspection = { clientId: INTROSPECTION_CLIENT.id, clientSecret, everyToken }
  return (config) => ({
    ...config,
    issuers: config.issuers.map((one) =>
      one.profile === 'okta' ? { ...one, introspection } : one,
    ),
  })
}

/** Writes it as `file` (0600), and gives the configuration back. */
export async function writeGatewayConfig(
  lab: Lab,
  file: string,
  options: GatewayConfigOptions,
): Promise<ConfigFile> {
  const config = gatewayConfig(lab, options)
  await writeFile(file, stringify(config), { mode: 0o600 })
  return config
}
