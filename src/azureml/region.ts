/**
 * Regional paths that name no workspace: `/_region/{region}/...`. The prefix is the gateway's own (hosts.ts).
 * @module
 */
const PREFIX = '_region'
/** A region becomes a label of a host name, so nothing else may pass. */
const REGION = /^[a-z0-9]{1,40}$/

/** Whether a path has the prefix. */
export function hasRegion(segments: readonly string[]): boolean {
  return segments[0] === PREFIX
}

/** The region in a path that has the prefix; null if it cannot be one. */
export function parseRegion(segments: readonly string[]): string | null {
  const region = segments[1] ?? ''
  return REGION.test(region) ? region : null
}

/** The gateway's path for a path on the host of a region. */
export function withRegion(region: string, path: string): string {
  return `/${PREFIX}/${region}${path}`
}

/** The path as Azure knows it. */
export function withoutRegion(path: string): string {
  return `/${path.split('/').slice(3).join('/')}`
}

/** A location of ARM (`East US`) as host names have it (`eastus`); null if it cannot be a region. */
export function toRegion(location: string): string | null {
  const label = location.toLowerCase().replaceAll(' ', '')
  return REGION.test(label) ? label : null
}
