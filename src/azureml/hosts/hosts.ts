/**
 * Hosts in both directions: which of Azure's hosts answers an operation, and which of Azure's URLs lead back here.
 * @module
 */
import type { CloudConfig } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { CLOUDS } from '../../vocabulary/clouds.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { toRegion, withRegion } from '../region.ts'
import { scoringPath } from '../classify/scoring.ts'

/** Where a call goes, and the scope of the token that it needs there. */
export interface Upstream {
  readonly origin: string
  readonly scope: string
}

export interface Hosts {
  /** The gateway's own origin, without a trailing slash. */
  readonly publicUrl: string
  /**
   * For all but scoring, whose host only the endpoint's own document tells.
   * @param region of the workspace or registry, as ARM writes it (`eastus` or `East US`); null if not known
   * @throws {Refusal} `upstream_unreachable` if the region is needed and not known
   */
  upstream(operation: Operation, region: string | null): Upstream
  /** Scope of the tokens that endpoints take. */
  readonly scoringScope: string
  /** Whether `upstream` needs the region of the operation's scope. */
  needsRegion(operation: Operation): boolean
  /**
   * The region whose data plane a URL of Azure's leads to, empty where its hosts name none; null if its host is not
   * one of the data plane's.
   */
  regionOf(url: string): string | null
  /**
   * The origin of an endpoint by a URL in its document; null if that is not a host of scoring, or that of an endpoint of
   * another name.
   */
  scoringOriginOf(url: string, endpoint: string): string | null
  /**
   * The gateway's URL for one of Azure's; null if its host is not one that the gateway serves. MLflow's
   * `azureml://host/...` stands for the data plane's scheme and stays `azureml://`.
   *
   * @param scope workspace of the answer that had the URL, which a scoring URL does not name itself
   * @param endpoint name of the endpoint that the answer is about, for a configured scoring host without it
   */
  toGateway(url: string, scope?: string | null, endpoint?: string | null): string | null
}

/**
 * Strictly `scheme://host[:port][/path][?query]` in ASCII. No user information, fragment, backslash, space or
 * IDN: URL parsers differ on each of these, and a host is compared here that a client will parse again.
 */
const ABSOLUTE =
  /^(https?|azureml):\/\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?(\/[!$-;=?-[\]_a-z~]*)?$/i

/** Whether all clients read the same host in a URL. */
export function isPlain(url: string): boolean {
  return ABSOLUTE.test(url)
}

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
])

/** The hosts of one cloud; the configuration can replace where calls go, but never the audience of tokens. */
export function createHosts(cloud: CloudConfig, publicUrl: string): Hosts {
  const known = CLOUDS[cloud.name]
  const arm = trim(cloud.resourceManager ?? known.resourceManager)
  const dataPlane = trim(cloud.dataPlane ?? known.dataPlane)
  const scoring = trim(cloud.scoring ?? known.scoring)
  // regional hosts such as eastus.management.azure.com are in polling URLs of Azure's own
  const canonicalOrigin = publicUrl.toLowerCase().replace(/:443$/, '')
  const isArm = matcher(
    cloud.resourceManager === undefined ? arm.replace('://', '://{armRegion}') : arm,
  )
  const regions = new Map(
    Object.entries(cloud.regions ?? {}).map(([id, region]) => [id.toLowerCase(), region]),
  )
  const aliases = cloud.dataPlane === undefined ? known.dataPlaneAliases : []
  const isDataPlane = matcherOfAny([dataPlane, ...aliases])
  const isScoring = matcher(scoring)

  function needsRegion(operation: Operation): boolean {
    const { family, region, scope } = operation
    if (family === 'scoring' || region !== undefined || scope === null || regions.has(scope))
      return false
    return (family === 'arm' ? arm : dataPlane).includes('{region}')
  }

  function upstream(operation: Operation, region: string | null): Upstream {
    if (operation.family === 'arm') return { origin: arm, scope: known.armScope }
    if (operation.family === 'scoring')
      throw new Refusal('internal_error', 'the host of an endpoint is not made of its name')
    const { scope } = operation
    const configured = scope === null ? known.homeRegion : regions.get(scope)
    const label = toRegion(operation.region ?? configured ?? region ?? '')
    if (dataPlane.includes('{region}') && label === null) {
      throw new Refusal('upstream_unreachable', 'the region of this workspace is not known')
    }
    return { origin: dataPlane.replace('{region}', label ?? ''), scope: known.armScope }
  }

  const mlflowUrl = publicUrl.replace(/^https?/, 'azureml')

  const placeAt = createPlaceAt({
    isOwn: (origin) => origin === canonicalOrigin,
    isArm,
    isDataPlane,
    isScoring,
    mlflowScheme: schemeOf(dataPlane),
  })

  function toGateway(
    url: string,
    scope: string | null = null,
    endpoint: string | null = null,
  ): string | null {
    if (!ABSOLUTE.test(url)) return null
    const at = pathAt(url)
    const rest = url.slice(at)
    const place = placeAt(url.slice(0, at))
    const { served, scored } = place
    // clients send back what they were answered, so that Azure may have stored URLs of the gateway
    if (place.isOwn) return url
    if (place.isMlflow) return served === null ? null : `${mlflowUrl}${rest}`
    if (place.isArm) return `${publicUrl}${rest}`
    if (served !== null) return `${publicUrl}${regional(rest, served.region, known.homeRegion)}`
    if (scored === null || scope === null) return null
    const name = scoring.includes('{endpoint}') ? scored.endpoint : (endpoint ?? '')
    const path = scoringPath(scope, name, rest)
    return path === null ? null : `${publicUrl}${path}`
  }

  function regionOf(url: string): string | null {
    const [, scheme = '', host = '', port = ''] = ABSOLUTE.exec(url) ?? []
    return isDataPlane(canonical(scheme, host, port))?.region ?? null
  }

  function scoringOriginOf(url: string, endpoint: string): string | null {
    const [, scheme = '', host = '', port = ''] = ABSOLUTE.exec(url) ?? []
    const origin = canonical(scheme, host, port)
    const scored = isScoring(origin)
    if (scored === null) return null
    return !scoring.includes('{endpoint}') || scored.endpoint === endpoint ? origin : null
  }

  const scoringScope = known.mlScope
  return { publicUrl, upstream, scoringScope, needsRegion, regionOf, scoringOriginOf, toGateway }
}

/**
 * The region of a path with a workspace or registry is looked up. The few paths without one keep their region in a
 * prefix of the gateway's own, so that the next call goes to the same region.
 */
function regional(rest: string, region: string, home: string): string {
  const path = rest.split('?', 1)[0] ?? ''
  const neutral = path === '' || path === '/' || /^\/discovery(?:\/|$)/i.test(path)
  if (neutral || region === '' || region === home || /\/subscriptions\//i.test(path)) return rest
  return withRegion(region, rest)
}

type Matched = { readonly region: string; readonly endpoint: string } | null
type Match = (origin: string) => Matched

/** What answers at an origin: the gateway itself, Resource Manager, the data plane, endpoints, or nobody who is known. */
interface Place {
  readonly isMlflow: boolean
  readonly isOwn: boolean
  readonly isArm: boolean
  readonly served: Matched
  readonly scored: Matched
}

/** Beginnings of URLs that are kept: a cloud has few hosts, and one for each endpoint. */
const MAX_PLACES = 256

/** What answers at the beginning of a URL, up to its path. */
function createPlaceAt(of: {
  readonly isOwn: (origin: string) => boolean
  readonly isArm: Match
  readonly isDataPlane: Match
  readonly isScoring: Match
  /** What `azureml` stands for. */
  readonly mlflowScheme: string
}): (start: string) => Place {
  const places = createCache<string, Place>(MAX_PLACES)

  function placeOf(start: string): Place {
    const [, scheme = '', host = '', port = ''] = ABSOLUTE.exec(start) ?? []
    const isMlflow = scheme.toLowerCase() === 'azureml'
    const origin = canonical(isMlflow ? of.mlflowScheme : scheme, host, port)
    return {
      isMlflow,
      isOwn: of.isOwn(origin),
      isArm: of.isArm(origin) !== null,
      served: of.isDataPlane(origin),
      scored: of.isScoring(origin),
    }
  }

  return (start) => {
    let place = places.get(start)
    if (place === undefined) places.set(start, (place = placeOf(start)))
    return place
  }
}

/** Matches origins made from a template, and the private-link and regional forms of the same hosts. */
function matcher(template: string): Match {
  const source = canonicalTemplate(template)
    .replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
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

/** The same for several templates, the first that matches. */
function matcherOfAny(templates: readonly string[]): Match {
  const matchers = templates.map(matcher)
  return (origin) => {
    for (const matches of matchers) {
      const found = matches(origin)
      if (found !== null) return found
    }
    return null
  }
}

/** Where the path of an absolute URL begins: at its end if it has none. */
function pathAt(url: string): number {
  const at = url.indexOf('/', url.indexOf('://') + '://'.length)
  return at === -1 ? url.length : at
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

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(':'))
}

function trim(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url
}
