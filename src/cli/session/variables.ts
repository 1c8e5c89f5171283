/**
 * The environment that leads Azure ML's clients to the gateway, and nothing else to it.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'
import {
  clientVariables,
  type ClientVariablesOptions,
} from '../../azureml/hosts/client-variables.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { readCa } from '../sign-in/network.ts'
import type { Credential } from './credential.ts'
import { readPrivate, writePrivate } from './home.ts'
import { GUID } from '../../lib/guid.ts'

/** Variables in the order to set them; null: to be removed. */
export type Variables = ReadonlyMap<string, string | null>

const NAME = '[A-Za-z0-9][A-Za-z0-9._()-]{0,254}'
const WORKSPACE = new RegExp(
  `^/subscriptions/${GUID}/resourceGroups/${NAME}/providers/Microsoft\\.MachineLearningServices/workspaces/${NAME}$`,
  'i',
)

/**
 * The workspace that is meant: the given ARM id, or the one that an Azure ML job runs in.
 * @throws UsageError for what is no workspace's id
 */
export function wantedWorkspace(io: Io, given: string | undefined): string | null {
  const { env } = io
  const subscription = env['AZUREML_ARM_SUBSCRIPTION'] ?? ''
  const group = env['AZUREML_ARM_RESOURCEGROUP'] ?? ''
  const name = env['AZUREML_ARM_WORKSPACE_NAME'] ?? ''
  const job =
    subscription === '' || group === '' || name === ''
      ? null
      : `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.MachineLearningServices/workspaces/${name}`
  const id = given ?? job
  if (id === null || WORKSPACE.test(id)) return id
  throw new UsageError(
    'that is not the ARM id of a workspace; give --workspace /subscriptions/ID/resourceGroups/NAME/providers/Microsoft.MachineLearningServices/workspaces/NAME',
  )
}

/** @throws Problem if the certificates cannot be read */
export async function variablesOf(
  io: Io,
  credential: Credential,
  { workspace, mlflow }: ClientVariablesOptions,
): Promise<Variables> {
  const { gateway, token, caFile, home } = credential
  const variables = new Map<string, string | null>(clientVariables(gateway, { workspace, mlflow }))
  if (caFile !== null) {
    const bundle = await writeBundle(io, home, caFile)
    variables.set('AZUREML_HARNESS_CA', caFile)
    // these two replace what their readers trust, so the bundle holds the usual authorities as well
    variables.set('REQUESTS_CA_BUNDLE', bundle)
    variables.set('SSL_CERT_FILE', bundle)
    variables.set('NODE_EXTRA_CA_CERTS', caFile)
  }
  if (workspace !== null) {
    variables.set('MLFLOW_TRACKING_TOKEN', token)
    // MLflow prefers a password to a token, and would skip the check of certificates if told to
    for (const name of ['USERNAME', 'PASSWORD', 'INSECURE_TLS', 'SERVER_CERT_PATH'])
      variables.set(`MLFLOW_TRACKING_${name}`, null)
  }
  return variables
}

/** The usual authorities, those that Python was told of already, and the gateway's own, in one file. */
async function writeBundle(io: Io, home: string, caFile: string): Promise<string> {
  const path = join(home, 'ca-bundle.pem')
  const before = io.env['REQUESTS_CA_BUNDLE'] ?? ''
  const known =
    before === '' || before === path ? [] : [await readFile(before, 'utf8').catch(() => '')]
  const all = [...getCACertificates('default'), ...known, await readCa(caFile)]
  const text = `${all
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .join('\n')}\n`
  if ((await readPrivate(path)) !== text) await writePrivate(path, text)
  return path
}
