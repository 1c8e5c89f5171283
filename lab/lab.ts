/**
 * All parts of the lab, started together in this process.
 * @module
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createAccess, ARM_AUDIENCES, ML_AUDIENCES } from './azure/arm/access.ts'
import { createArm } from './azure/arm/arm.ts'
import { startKeyVault, VAULT_HOST, type KeyVault } from './azure/key-vault.ts'
import {
  createExternalEvaluation,
  type ExternalEvaluation,
} from './azure/arm/external-evaluation.ts'
import { createRoles, type Roles } from './azure/arm/roles.ts'
import { createStore } from './azure/arm/store.ts'
import { ensureCertificates, type Certificates } from './identity/ca.ts'
import { createArtifacts } from './azure/data-plane/artifacts.ts'
import { createExperiments } from './azure/data-plane/experiments.ts'
import { createHistory } from './azure/data-plane/history.ts'
import { createModels } from './azure/data-plane/models.ts'
import { createRegistries } from './azure/data-plane/registries.ts'
import { createRuns } from './azure/data-plane/runs.ts'
import { createTracking } from './azure/data-plane/tracking.ts'
import { createDataPlane, type Service } from './azure/data-plane/data-plane.ts'
import { createGraph, type Graph } from './identity/graph.ts'
import { createIngestion, type Ingestion } from './azure/ingestion.ts'
import { createLogs, type Logs } from './azure/logs/logs.ts'
import type { Issuer } from './identity/issuers/issuer.ts'
import { createEntra, createOkta, INTROSPECTION_CLIENT } from './identity/issuers/issuers.ts'
import type { Handler } from './server/call.ts'
import type { Entry } from './server/journal.ts'
import { createManagedIdentities, type ManagedIdentities } from './identity/managed-identity.ts'
import { createMlflow, type Mlflow } from './azure/mlflow.ts'
import type { Part } from './server/server.ts'
import { startParts, type LabUrls, type PartName, type Parts } from './parts.ts'
import { PERSONAS, REGION, workspaceId, type Persona } from './personas.ts'
import { createBatchJobs } from './azure/batch-jobs.ts'
import { createScoring } from './azure/scoring.ts'
import { startStorage, STORAGE_HOST, type Storage } from './azure/storage.ts'
import { createTokenService, type TokenService } from './identity/token-service.ts'
import { requestToken, type TokenOverrides } from './identity/tokens.ts'

export interface LabOptions {
  /** Where certificates, spool and lab.json are kept. */
  readonly directory: string
  /** First of nine consecutive ports; 0 picks free ones. */
  readonly port?: number
  /** Address to listen on; 127.0.0.1 if absent. */
  readonly host?: string
  /** Name by which others reach the lab; localhost if absent. */
  readonly publicHost?: string
  /** Names that the certificate covers besides that one and localhost. */
  readonly names?: readonly string[]
  /** What `IDENTITY_HEADER` must be; random if absent. */
  readonly identityHeader?: string
  /** A storage account behind uploads, logs and artifacts, and the proxy that leads to it. */
  readonly storage?: boolean
  /** A key vault with keys of reviews, of a name of its own. */
  readonly vault?: boolean
  /** A real MLflow server behind `/mlflow`, started when first asked for: needs the project's virtual environment. */
  readonly mlflow?: boolean
  /** Members on a page of ARM's lists; 2 if absent. */
  readonly pageSize?: number
  /** Polls until a long-running operation is done; 2 if absent. */
  readonly polls?: number
  /** `Retry-After` of long-running operations; 1 if absent. */
  readonly retryAfterSeconds?: number
  /** Life of managed-identity tokens; a day if absent. */
  readonly identityTokenLifetimeSeconds?: number
}

export interface Lab {
  readonly directory: string
  readonly certificates: Certificates
  readonly urls: LabUrls
  /** Origin of endpoints, with `{endpoint}` and `{region}` in it where names lead to this machine. */
  readonly scoringHosts: string
  /** Exact `iss` of each issuer. */
  readonly issuers: { readonly entra: Issuer; readonly okta: Issuer }
  /** Every part, by name, for its faults and its journal. */
  readonly parts: ReadonlyMap<PartName, Part>
  readonly identities: ManagedIdentities
  readonly ingestion: Ingestion
  /** Queries over what was ingested, at the same origin. */
  readonly logs: Logs
  readonly graph: Graph
  /** Role assignments that ARM lists. Changing them does not change what the identities may do. */
  readonly roles: Roles
  /** A policy of Azure's that wants changes to be evaluated; none is assigned at first. */
  readonly evaluation: ExternalEvaluation
  /** Null unless asked for. */
  readonly storage: Storage | null
  /** Null unless asked for. */
  readonly vault: KeyVault | null
  readonly tokenService: TokenService
  /** What reached ARM, the data plane and scoring, in order. */
  requests(): readonly Entry[]
  /** A fresh token of a persona. */
  token(persona: string, overrides?: TokenOverrides): Promise<string>
  /** The environment that a gateway needs to live in this lab. */
  readonly env: Readonly<Record<string, string>>
  /** Of the gateway's console: what it signs with at the issuer shaped as Okta, and what seals its cookies. */
  readonly consoleKeyFiles: { readonly signing: string; readonly cookies: string }
  readonly spool: string
  close(): Promise<void>
}

/** Variable with the secret of the gateway's client at Okta's introspection endpoint. */
export const INTROSPECTION_SECRET_VARIABLE = 'LAB_OKTA_CLIENT_SECRET'

/** Which issuer gives a persona its tokens. */
export function issuerOf(persona: Persona): 'entra' | 'okta' {
  return persona.kind.startsWith('okta') ? 'okta' : 'entra'
}

/** What is behind Azure besides the lab's own servers; both null unless asked for. */
interface Extras {
  readonly storage: Storage | null
  readonly mlflow: Mlflow | null
}

async function startExtras(
  options: LabOptions,
  directory: string,
  certificates: Certificates,
  urls: LabUrls,
): Promise<Extras> {
  const { host } = new URL(urls.dataPlane)
  const root = `azureml://${host}/mlflow/v2.0${workspaceId()}/experiments`
  return {
    mlflow: options.mlflow === true ? createMlflow(directory, root) : null,
    storage: options.storage === true ? await startStorage(directory, certificates) : null,
  }
}

type TokenOf = Lab['token']

function tokensOf(issuers: Lab['issuers'], certificates: Certificates): TokenOf {
  return async (name, overrides) => {
    const persona = PERSONAS.get(name)
    if (persona === undefined) throw new TypeError(`no persona "${name}" in the lab`)
    const source = { issuer: issuers[issuerOf(persona)].url, ca: certificates.ca }
    return requestToken(source, name, overrides)
  }
}

/** The managed identities; those of compute get their tokens from the issuer that personas use. */
function createIdentities(options: LabOptions, token: TokenOf): Promise<ManagedIdentities> {
  const lifetime = options.identityTokenLifetimeSeconds
  return createManagedIdentities({
    compute: async (clientId) => {
      for (const [name, persona] of PERSONAS) {
        if (persona.kind === 'entra-compute' && persona.clientId === clientId) return token(name)
      }
      return null
    },
    ...(lifetime === undefined ? {} : { lifetimeSeconds: lifetime }),
    ...(options.identityHeader === undefined ? {} : { secret: options.identityHeader }),
  })
}

interface Azure {
  readonly roles: Roles
  readonly evaluation: ExternalEvaluation
  readonly scoringHosts: string
}

/** Resource Manager, the data plane and scoring, over one store. */
function serveAzure(
  options: LabOptions,
  parts: Parts,
  identities: ManagedIdentities,
  { storage, mlflow }: Extras,
): Azure {
  const { urls } = parts
  // each endpoint has a host of its own, as in Azure; elsewhere than on localhost that would need a DNS zone
  const scoringHosts =
    (options.publicHost ?? 'localhost') === 'localhost'
      ? urls.scoring.replace('localhost', '{endpoint}.{region}.localhost')
      : urls.scoring
  const armAccess = { identities, audiences: ARM_AUDIENCES }
  const roles = createRoles()
  const evaluation = createExternalEvaluation(urls.upstream)
  const store = createStore()
  const pageSize = options.pageSize ?? 2
  const services: Service[] = []
  if (storage !== null) {
    const artifacts = createArtifacts(storage)
    services.push(artifacts.answer, createHistory(store, artifacts))
  }
  services.push(createExperiments(), createModels(), createRuns({ store, mlflow, pageSize }))
  if (mlflow !== null) services.push(createTracking(mlflow))
  const resources = createArm({
    store,
    storage: storage ?? undefined,
    origin: urls.upstream,
    hosts: { dataPlane: urls.dataPlane, scoring: scoringHosts, ingestion: urls.ingestion },
    access: createAccess({ ...armAccess, postReads: false }),
    roles,
    evaluation,
    pageSize,
    polls: options.polls ?? 2,
    retryAfterSeconds: options.retryAfterSeconds ?? 1,
  })
  const { arm, service } = createRegistries(store, resources, urls.dataPlane)
  services.push(service)
  const dataPlaneAccess = createAccess({ ...armAccess, postReads: true })
  parts.serve('arm', arm)
  parts.serve(
    'data-plane',
    createDataPlane({ origin: urls.dataPlane, access: dataPlaneAccess, services }),
  )
  parts.serve(
    'scoring',
    createScoring(
      createAccess({ identities, audiences: ML_AUDIENCES, postReads: true }),
      createBatchJobs(store),
    ),
  )
  return { roles, evaluation, scoringHosts }
}

/** Names that the certificate covers besides localhost. */
function certificateNames(options: LabOptions): string[] {
  const publicHost = options.publicHost ?? 'localhost'
  return [
    publicHost,
    ...(options.names ?? []),
    ...(publicHost === 'localhost' ? [`*.${REGION}.localhost`] : []),
    ...(options.storage === true ? [STORAGE_HOST] : []),
    ...(options.vault === true ? [VAULT_HOST] : []),
  ]
}

/** New keys of the console: the EC key by which an issuer knows it, in PEM, and the one that seals its cookies. */
async function writeConsoleKeys(
  directory: string,
): Promise<{ readonly signing: string; readonly files: Lab['consoleKeyFiles'] }> {
  const files = {
    signing: join(directory, 'console-signing-key.pem'),
    cookies: join(directory, 'console-cookie-key'),
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signing = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(files.signing, signing, { mode: 0o600 })
  await writeFile(files.cookies, randomBytes(32).toString('base64url'), { mode: 0o600 })
  return { signing, files }
}

/** Rejects, with nothing left running, if a port is taken. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const directory = resolve(options.directory)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const certificates = await ensureCertificates(directory, { names: certificateNames(options) })

  // handlers know each other's origins, so ports are taken first and handlers set after
  const where = {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    publicHost: options.publicHost ?? 'localhost',
  }
  const parts = await startParts(where, certificates)
  const { urls } = parts
  const extras = await startExtras(options, directory, certificates, urls).catch(
    async (error: unknown) => {
      await parts.close()
      throw error
    },
  )
  const { storage, mlflow } = extras

  const consoleKeys = await writeConsoleKeys(directory)
  const token: TokenOf = (...asked) => tokensOf(issuers, certificates)(...asked)
  const identities = await createIdentities(options, token)
  const [entra, okta] = await Promise.all([
    createEntra(urls.entra, (...asked) => identities.verify(...asked)),
    createOkta(urls.okta, consoleKeys.signing),
  ])
  const issuers = { entra, okta }
  const vault = options.vault === true ? await startKeyVault(certificates, identities) : null
  const ingestion = createIngestion(identities)
  const logs = createLogs(identities, () => ingestion.rows())
  const graph = createGraph(identities)
  const tokenService = await createTokenService({
    origin: urls.tokenService,
    identities,
    verifyCaller: (caller) => entra.verify(caller),
  })
  const { roles, evaluation, scoringHosts } = serveAzure(options, parts, identities, extras)
  parts.serve('entra', entra.handler, entra.routes)
  parts.serve('okta', okta.handler, okta.routes)
  parts.serve('identity', identities.handler, identities.routes)
  const azureMonitor: Handler = (call) =>
    (call.path.startsWith('/v1/') ? logs : ingestion).handler(call)
  parts.serve('ingestion', azureMonitor, ingestion.routes)
  parts.serve('graph', graph.handler, graph.routes)
  parts.serve('token-service', tokenService.handler)

  return {
    directory,
    certificates,
    urls,
    scoringHosts,
    issuers,
    parts: parts.all,
    identities,
    ingestion,
    logs,
    graph,
    roles,
    evaluation,
    storage,
    vault,
    tokenService,
    requests: () => parts.upstream(),
    token,
    env: {
      NODE_EXTRA_CA_CERTS: certificates.caFile,
      IDENTITY_ENDPOINT: `${urls.identity}/msi/token`,
      IDENTITY_HEADER: identities.secret,
      [INTROSPECTION_SECRET_VARIABLE]: INTROSPECTION_CLIENT.secret,
    },
    consoleKeyFiles: consoleKeys.files,
    spool: join(directory, 'spool'),
    async close() {
      await Promise.all([parts.close(), storage?.close(), vault?.close(), mlflow?.close()])
    },
  }
}
