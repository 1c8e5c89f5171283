/**
 * The environment that leads Azure ML's clients to the gateway.
 * @module
 */
import { CLOUD_NAME } from './metadata.ts'

const METADATA_VERSION = '2019-05-01'

export interface ClientVariablesOptions {
  /** ARM id of the workspace that MLflow tracks to; null leaves MLflow's variables alone. */
  readonly workspace: string | null
  /** `azureml` is for the azureml-mlflow plug-in, `https` for MLflow alone. */
  readonly mlflow: 'https' | 'azureml'
}

/** Variables in the order to set them, without those that hold a token or name files. @param gateway its origin */
export function clientVariables(
  gateway: string,
  { workspace, mlflow }: ClientVariablesOptions,
): ReadonlyMap<string, string> {
  return new Map([
    ['AZUREML_HARNESS_GATEWAY', gateway],
    ['ARM_CLOUD_METADATA_URL', `${gateway}/metadata/endpoints?api-version=${METADATA_VERSION}`],
    ['AZUREML_CURRENT_CLOUD', CLOUD_NAME],
    // without it, registries are looked for at a host that no custom cloud has
    ['REGISTRY_DISCOVERY_ENDPOINT_URL', `${gateway}/`],
    ...(workspace === null
      ? []
      : [['MLFLOW_TRACKING_URI', trackingUri(gateway, workspace, mlflow)] as const]),
  ])
}

function trackingUri(
  gateway: string,
  workspace: string,
  scheme: ClientVariablesOptions['mlflow'],
): string {
  return `${scheme}://${new URL(gateway).host}/mlflow/v1.0${workspace}`
}
