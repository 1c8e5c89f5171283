/**
 * Hosts both ways: which of Azure's hosts answers an operation, and which URLs of Azure's are the gateway's.
 * @module
 */
import type { CloudConfig } from '../config/schema.ts'
import { Refusal } from '../errors.ts'
import { CLOUDS } from './clouds.ts'
import type { Operation } from './operation.ts'
import { endpointOf, scoringPath } from './scoring.ts'

/** Where a call goes, and the scope of the token that it needs there. */
export interface Upstream {
  readonly origin: string
  readonly scope: string
}

export interface Hosts {
  /** The gateway's own origin, without a trailing slash. */
  readonly publicUrl: string
  /** Origin of Azure Resource Manager, without a trailing slash. */
  readonly arm: string
  /**
   * @param region of the workspace or registry, as ARM writes it (`eastus` or `East US`); null if not known
   * @throws {Refusal} `upstream_unreachable` if the region is needed and not known
   */
  upstream(operation: Operation, region: string | null): Upstream
  /** Whether `upstream` needs the region of the operation's scope. */
  needsRegion(operation: Operation): boolean
  /**
   * The gateway's URL for one of Azure's; null if its host is not one that the gateway serves.
   *
   * @param scope workspace of the answer that had the URL, which a scoring URL does not name itself
   */
  toGateway(url: string, scope?: string | null): string | null
}

/**
 * Strictly `scheme://host[:port][/path][?query]` in ASCII. No user information, fragment, backslash, space or
 * IDN: URL parsers differ on each of these, and a host is compared here that a client will parse again.
 */
const ABSOLUTE =
  /^(https?):\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?(\/[!$-;=?-[\]_a-z~]*)?$/i
const REGION = /^[a-z0-9]{1,40}$/
const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
])

/** The hosts of one cloud; what the configuration gives replaces where calls go, never for whom tokens are made. */
export function createHosts(cloud: CloudConfig, publicUrl: string): Hosts {
  const known = CLOUDS[cloud.name]
  const arm = trim(cloud.resourceManager ?? known.resourceManager)
  const dataPlane = trim(cloud.dataPlane ?? known.dataPlane)
  const scoring = trim(cloud.scoring ?? known.scoring)
  const isArm = matcher(arm.replace('://', '://{armRegion}'))
  const isDataPlane = matcher(dataPlane)
  const isScoring = matcher(scoring)

  function needsRegion(operation: Operation): boolean {
    const { family, region } = operation
    const template = family === 'arm' ? arm : family === 'scoring' ? scoring : dataPlane
    return template.includes('{region}') && region === undefined && operation.scope !== null
  }

  function upstream(operation: Operation, region: string | null): Upstream {
    if (operation.family === 'arm') return { origin: arm, scope: known.armScope }
    const isScore = operation.family === 'scoring'
    const template = isScore ? scoring : dataPlane
    const own = operation.region ?? region ?? (operation.scope === null ? known.homeRegion : '')
    const label = own.toLowerCase().replaceAll(' ', '')
    if (template.includes('{region}') && !REGION.test(label)) {
      throw new Refusal('upstream_unreachable', 'the region of this workspace is not known')
    }
    const origin = template
      .replace('{region}', label)
      .replace('{endpoint}', isScore ? endpointOf(operation) : '')
    return { origin, scope: isScore ? known.mlScope : known.armScope }
  }

  function toGateway(url: string, scope: string | null = null): string | null {
    const parts = ABSOLUTE.exec(url)
    if (parts === null) return null
    const [, scheme = '', host = '', port = '', rest = ''] = parts
    const origin = canonical(scheme, host, port)
    if (isArm(origin) !== null) return `${publicUrl}${rest}`
    const served = isDataPlane(origin)
    if (served !== null) return `${publicUrl}${regional(rest, served.region, known.homeRegion)}`
    const scored = isScoring(origin)
    if (scored === null || scope === null) return null
    const path = scoringPath(scope, scored.endpoint, rest)
    return path === null ? null : `${publicUrl}${path}`
  }

  return { publicUrl, arm, upstream, needsRegion, toGateway }
}

/**
 * Paths of a workspace or registry say whose region it is. The few that do not keep it in a prefix of the
 * gateway's own, so that the next call finds the same region again.
 */
function regional(rest: string, region: string, home: string): string {
  const path = rest.split('?', 1)[0] ?? ''
  const neutral = path === '' || path === '/' || /^\/discovery(?:\/|$)/i.test(path)
  if (neutral || region === '' || region === home || /\/subscriptions\//i.test(path)) return rest
  return `/_region/${region}${rest}`
}

type Match = (origin: string) => { region: string; endpoint: string } | null

/** Matches origins made from a template, and the private-link and regional forms of the same hosts. */
function matcher(template: string): Match {
  const source = canonicalTemplate(template)
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    // e.g. eastus.management.azure.com, which ARM puts into polling URLs
    .replace('{armRegion}', '(?:[a-z0-9]+\\.)?')
    .replace('{endpoint}', '(?<endpoint>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)')
    // {workspaceId}.workspace.{region}[.cert].api.azureml.ms is the private-link form
    .replace('://{region}', '://(?:[a-z0-9-]+\\.workspace\\.)?(?<region>[a-z0-9]+)(?:\\.cert)?')
    .replace('{region}', '(?<region>[a-z0-9]+)')
  const pattern = new RegExp(`^${source}$`)
  return (origin) => {
    const groups = pattern.exec(origin)
    if (groups === null) return null
    return { region: groups.groups?.['region'] ?? '', endpoint: groups.groups?.['endpoint'] ?? '' }
  }
}

function canonicalTemplate(template: string): string {
  const [, scheme = '', host = '', port = ''] =
    /^(https?):\/\/([^/:]+)(?::(\d+))?/i.exec(template) ?? []
  return canonical(scheme, host.replace('{armRegion}', '{armregion}'), port).replace(
    '{armregion}',
    '{armRegion}',
  )
}

function canonical(scheme: string, host: string, port: string): string {
  const lower = scheme.toLowerCase()
  const shown = port === '' || DEFAULT_PORTS.get(lower) === port ? '' : `:${port}`
  return `${lower}://${host.toLowerCase()}${shown}`
}

function trim(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url
}
