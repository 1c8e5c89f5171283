/**
 * ARM's lists: pages, and the absolute link from each to the next.
 * @module
 */
import { json, type Answer, type Call } from '../../server/call.ts'
import { armError } from './answers.ts'
import { notFound, properties } from './documents.ts'
import { isContainer } from './kinds.ts'
import type { ArmPath } from './paths.ts'
import type { Store } from './store.ts'

interface ListsOptions {
  /** Origin of the links. */
  readonly origin: string
  /** Members on a page. */
  readonly pageSize: number
  readonly store: Store
}

/** Extension resources that hold for all below their scope, and are listed there, too. */
const INHERITED = new Set(['policyassignments', 'denyassignments'])
/** Extension resources that are listed at their own scope only. */
const OWN = new Set(['diagnosticsettings'])

/** The collections of this path and of the same kind at each scope above it. */
function collectionsAbove(collection: string): readonly string[] {
  const [, scope = '', tail = ''] = /^(.*)(\/providers\/[^/]+\/[^/]+)$/.exec(collection) ?? []
  const segments = scope.split('/')
  return segments.map((_, end) => `${segments.slice(0, end + 1).join('/')}${tail}`)
}

export function createLists(options: ListsOptions): (call: Call, path: ArmPath) => Answer {
  const { store } = options
  return (call, path) => {
    const collection = `${path.key}/${path.rest?.toLowerCase() ?? ''}`
    const missing = path.pairs.length === 0 ? null : store.get(path.key) === null ? path : null
    // nothing was ever put into it, and the SDK asks so before it uploads
    if (missing !== null && isContainer(path)) return json(200, { value: [] })
    if (missing !== null) return notFound(path)
    // workspaces and registries are also listed for a subscription, other resources only by their parent
    const type = path.rest?.toLowerCase() ?? ''
    const all = INHERITED.has(type)
      ? collectionsAbove(collection).flatMap((one) => store.list(one))
      : path.pairs.length === 0 && !OWN.has(type)
        ? store.below(path.key.split('/providers/')[0] ?? '', type)
        : store.list(collection)
    const hash = call.params.get('hash')
    // parts of jobs have no properties here, and are in no list
    const whole = all.filter((one) => one.document['properties'] !== null)
    const found = whole.filter(
      (one) => hash === undefined || properties(one.document)['hash'] === hash,
    )
    if (call.params.get('$orderby') === 'createdtime desc') found.reverse()
    const top = Number(call.params.get('$top') ?? '')
    const size = Number.isInteger(top) && top > 0 ? top : options.pageSize
    const token = call.params.get('$skip') ?? call.params.get('$skiptoken')
    const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64url').toString('utf8'))
    if (!Number.isInteger(start) || start < 0)
      return armError(400, 'InvalidSkipToken', 'The skip token is invalid.')
    const value = found.slice(start, start + size).map((one) => one.document)
    const next = start + size
    if (next >= found.length) return json(200, { value })
    const query = new URLSearchParams([...call.params].filter(([name]) => name !== '$skip'))
    query.set('$skip', Buffer.from(String(next)).toString('base64url'))
    return json(200, { value, nextLink: `${options.origin}${call.path}?${query.toString()}` })
  }
}
