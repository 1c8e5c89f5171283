/**
 * All parts of the lab, started together in this process.
 * @module
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createAccess, ARM_AUDIENCES, ML_AUDIENCES } from './azure/arm/access.ts'
import { createArm } from './azure/arm/arm.ts'
import { createRoles, type Roles } from './azure/arm/roles.ts'
import { createStore } from './azure/arm/store.ts'
import { ensureCertificates, type Certificates } from './identity/ca.ts'
import { createArtifacts } from './azure/data-plane/artifacts.ts'
import { createHistory } from './azure/data-plane/history.ts'
import { createRegistries } from './azure/data-plane/registries.ts'
import { createRuns } from './azure/data-plane/runs.ts'
import { createTracking } from './azure/data-plane/tracking.ts'
import { createDataPlane, type Service } from './azure/data-plane/data-plane.ts'
import { createGraph, type Graph } from './identity/graph.ts'
import { createIngestion, type Ingestion } from './azure/ingestion.ts'
import type { Issuer } from './identity/issuers/issuer.ts'
import { createEntra, createOkta, INTROSPECTION_CLIENT } from './identity/issuers/issuers.ts'
import type { Entry } from './server/journal.ts'
import { createManagedIdentities, type ManagedIdentities } from './identity/managed-identity.ts'
import { createMlflow, type Mlflow } from './azure/mlflow.ts'
import type { Part } from './server/server.ts'
import { startParts, type LabUrls, type PartName } from './parts.ts'
import { PERSONAS, REGION, workspaceId, type Persona } from './personas.ts'
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
  /** What `IDENTITY_HEADER` must be; made up if absent. */
  readonly identityHeader?: string
  /** A storage account behind uploads, logs and artifacts, and the proxy that leads to it. */
  readonly storage?: boolean
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
  readonly graph: Graph
  /** Role assignments that ARM tells of. They describe, and do not change, what the identities may do. */
  readonly roles: Roles
  /** Null unless asked for. */
  readonly storage: Storage | null
  readonly tokenService: TokenService
  /** What reached ARM, the data plane and scoring, in order. */
  requests(): readonly Entry[]
  /** A fresh token of a persona. */
  token(persona: string, overrides?: TokenOverrides): Promise<string>
  /** The environment that a gateway needs to live in this lab. */
  readonly env: Readonly<Record<string, string>>
  readonly spool: string
  close(): Promise<void>
}

/** Variable with the secret of the gateway's client at Okta's introspection endpoint. */
export const INTROSPECTION_SECRET_VARIABLE = 'LAB_OKTA_CLIENT_SECRET'

/** Which issuer gives a persona its tokens. */
export function issuerOf(persona: Persona): 'entra' | 'okta' {
  return persona.kind.startsWith('okta') ? 'okta' : 'entra'
}

/** Rejects, with nothing left running, if a port is taken. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const directory = resolve(options.directory)
  const publicHost = options.publicHost ?? 'localhost'
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const certificates = await ensureCertificates(directory, {
    names: [
      publicHost,
      ...(options.names ?? []),
      ...(publicHost === 'localhost' ? [`*.${REGION}.localhost`] : []),
      ...(options.storage === true ? [STORAGE_HOST] : []),
    ],
  })

  // handlers know each other's origins, so ports are taken first and handlers set after
  const where = { host: options.host ?? '127.0.0.1', port: options.port ?? 0, publicHost }
  const parts = await startParts(where, certificates)
  const { urls } = parts
  let storage: Storage | null = null
  let mlflow: Mlflow | null = null
  const close = async (): Promise<void> => {
    const closing = [parts, ...[storage, mlflow].filter((one) => one !== null)]
    await Promise.all(closing.map((one) => one.close()))
  }
  try {
    if (options.storage === true) storage = await startStorage(directory, certificates)
    if (options.mlflow === true) {
      const host = new URL(urls.dataPlane).host
      const root = `azureml://${host}/mlflow/v2.0${workspaceId()}/experiments`
      mlflow = createMlflow(directory, root)
    }
  } catch (error) {
    await close()
    throw error
  }

  const [entra, okta] = await Promise.all([createEntra(urls.entra), createOkta(urls.okta)])
  const issuers = { entra, okta }
  const token = async (name: string, overrides?: TokenOverrides): Promise<string> => {
    const persona = PERSONAS.get(name)
    if (persona === undefined) throw new TypeError(`no persona "${name}" in the lab`)
    const source = { issuer: issuers[issuerOf(persona)].url, ca: certificates.ca }
    return requestToken(source, name, overrides)
  }
  const compute = async (clientId: string): Promise<string | null> => {
    for (const [name, persona] of PERSONAS) {
      if (persona.kind === 'entra-compute' && persona.clientId === clientId) return token(name)
    }
    return null
  }
  const lifetime = options.identityTokenLifetimeSeconds
  const identities = await createManagedIdentities({
    compute,
    ...(lifetime === undefined ? {} : { lifetimeSeconds: lifetime }),
    ...(options.identityHeader === undefined ? {} : { secret: options.identityHeader }),
  })
  const ingestion = createIngestion(identities)
  const graph = createGraph(identities)
  const tokenService = await createTokenService({
    origin: urls.tokenService,
    identities,
    verifyCaller: (caller) => entra.verify(caller),
  })
  // each endpoint has a host of its own, as in Azure; elsewhere than on localhost that would need a DNS zone
  const scoringHosts =
    publicHost === 'localhost'
      ? urls.scoring.replace('localhost', '{endpoint}.{region}.localhost')
      : urls.scoring
  const armAccess = { identities, audiences: ARM_AUDIENCES }
  const roles = createRoles()
  const store = createStore()
  const services: Service[] = []
  if (storage !== null) {
    const artifacts = createArtifacts(storage)
    services.push(artifacts.answer, createHistory(store, artifacts))
  }
  const pageSize = options.pageSize ?? 2
  services.push(createRuns({ store, mlflow, pageSize }))
  if (mlflow !== null) services.push(createTracking(mlflow))
  const resources = createArm({
    store,
    storage: storage ?? undefined,
    origin: urls.upstream,
    hosts: { dataPlane: urls.dataPlane, scoring: scoringHosts },
    access: createAccess({ ...armAccess, postReads: false }),
    roles,
    pageSize,
    polls: options.polls ?? 2,
    retryAfterSeconds: options.retryAfterSeconds ?? 1,
  })
  const { arm, service } = createRegistries(store, resources, urls.dataPlane)
  services.push(service)
  const dataPlane = createDataPlane({
    origin: urls.dataPlane,
    access: createAccess({ ...armAccess, postReads: true }),
    services,
  })
  const scoring = createScoring(
    createAccess({ identities, audiences: ML_AUDIENCES, postReads: true }),
  )
  parts.serve('arm', arm)
  parts.serve('entra', entra.handler, entra.routes)
  parts.serve('okta', okta.handler, okta.routes)
  parts.serve('identity', identities.handler, identities.routes)
  parts.serve('ingestion', ingestion.handler, ingestion.routes)
  parts.serve('data-plane', dataPlane)
  parts.serve('scoring', scoring)
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
    graph,
    roles,
    storage,
    tokenService,
    requests: () => parts.upstream(),
    token,
    env: {
      NODE_EXTRA_CA_CERTS: certificates.caFile,
      IDENTITY_ENDPOINT: `${urls.identity}/msi/token`,
      IDENTITY_HEADER: identities.secret,
      [INTROSPECTION_SECRET_VARIABLE]: INTROSPECTION_CLIENT.secret,
    },
    spool: join(directory, 'spool'),
    close,
  }
}
