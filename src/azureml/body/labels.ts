/**
 * Labels, which stand for a version in a reference, and the request to Azure that says which version that is now.
 *
 * Azure ML has two. `latest` is the version created last, of any kind of asset ("CLI (v2) core YAML syntax" at
 * learn.microsoft.com; azure-ai-ml, _utils/_asset_utils.py `_get_latest`). `default` is a component's only: azure-ai-ml
 * sends it on as it is (operations/_operation_orchestrator.py, DEFAULT_LABEL_NAME) and reads the component behind it
 * under the version `azureml_default` (operations/_component_operations.py). No route of the API, in any published
 * api-version, lists or sets labels, so there are no others to ask for: `_managed_label_resolver` knows `latest` alone.
 * @module
 */
import type { AssetKind } from './reference.ts'
import { fieldsOf } from '../../lib/strict-json.ts'

/** A GET, and how to read the version from its answer. */
export interface LabelQuestion {
  readonly path: string
  readonly query: string
  /** Null if the answer names no version that could be one. */
  readonly read: (answer: unknown) => string | null
}

/** Where an asset is kept. */
export interface AssetHome {
  /** Start of the path: an ARM id, or that id behind the management front end. */
  readonly base: string
  readonly apiVersion: string
}

/** The API's own pattern for names and versions of assets, with the dots that versions can have. */
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,253}[\w-])?$/
const DEFAULT_VERSION = 'azureml_default'

/** Whether this can be the name or the version of an asset. */
export function isAssetName(text: string): boolean {
  return NAME.test(text)
}

/** Whether Azure ML has this label for this kind of asset. */
export function isLabel(label: string, kind: AssetKind): boolean {
  const lower = label.toLowerCase()
  return lower === 'latest' || (lower === 'default' && kind === 'components')
}

/** The request for a label that Azure ML has. */
export function labelQuestion(
  { base, apiVersion }: AssetHome,
  {
    kind,
    name,
    label,
  }: { readonly kind: AssetKind; readonly name: string; readonly label: string },
): LabelQuestion {
  const versions = `${base}/${kind}/${name}/versions`
  const version = `api-version=${apiVersion}`
  if (label.toLowerCase() === 'default') {
    return { path: `${versions}/${DEFAULT_VERSION}`, query: version, read: defaultIn }
  }
  // the newest by creation, as azure-ai-ml asks for it
  return { path: versions, query: `${version}&$orderBy=createdtime%20desc&$top=1`, read: newestIn }
}

/** The name of the first item of a list. */
function newestIn(answer: unknown): string | null {
  const list = field(answer, 'value')
  return Array.isArray(list) ? named(list[0]) : null
}

/** The real version of a component: its name, or else the version in its specification. */
function defaultIn(answer: unknown): string | null {
  const version = field(field(field(answer, 'properties'), 'componentSpec'), 'version')
  return named(answer) ?? named({ name: version })
}

function named(item: unknown): string | null {
  const name = field(item, 'name')
  return typeof name === 'string' && NAME.test(name) && name !== DEFAULT_VERSION ? name : null
}

function field(value: unknown, name: string): unknown {
  return fieldsOf(value).get(name)
}
