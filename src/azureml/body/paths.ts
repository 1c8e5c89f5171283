/**
 * Paths of data in a normal form, so that a policy can compare how they begin.
 * @module
 */

/** A URI that data is read from or written to, without credentials. */
export interface PathReference {
  readonly type: 'path'
  /** The whole of it; scheme, host and datastore in lower case. */
  readonly path: string
  /** Its datastore, as NamedReference has it; null for a URI that goes around datastores. */
  readonly datastore: string | null
  /** The beginning up to the first folder, and to the second. */
  readonly folder: string
  readonly subfolder: string
  /** Two parsers could arrive at different places: dot segments, encoded slashes, empty segments. */
  readonly ambiguous: boolean
}

/** A datastore, and the segments that follow it in `azureml://datastores/<name>/...` or the long form of that. */
export interface DatastorePlace {
  readonly name: string
  readonly rest: readonly string[]
  readonly own: boolean
}

/** In `wasbs://container@account...` the part before the @ is no user name. */
const CONTAINER_SCHEMES = /^(?:wasbs?|abfss?)$/
/** Percent-encoded slash, backslash, dot or percent sign, and a backslash as it is. */
const DISGUISED = /%2f|%5c|%2e|%25|\\/i

/** A URI with `://` in it. */
export function parsePath(uri: string, datastore: DatastorePlace | null): PathReference {
  // a SAS is a credential: it goes to Azure and nowhere else
  const bare = uri.split(/[?#]/, 1)[0] ?? ''
  const [scheme, after] = splitOnce(bare, '://')
  const lower = scheme.toLowerCase()
  const [authority = '', ...segments] = after.split('/')
  const host = CONTAINER_SCHEMES.test(lower)
    ? authority.toLowerCase()
    : authority.slice(authority.lastIndexOf('@') + 1).toLowerCase()
  if (datastore === null) return build(`${lower}://${host}`, segments, null)
  const [word = '', ...rest] = datastore.rest.length === 0 ? [] : clean(datastore.rest)
  const base = `azureml://${datastore.own ? 'datastores/' : ''}${datastore.name.replace(/^\//, '')}`
  // anything but `paths` is unknown and is shown as a folder of that name
  if (word.toLowerCase() !== 'paths') {
    return build(base, word === '' ? [] : [word, ...rest], datastore.name)
  }
  return build(`${base}/paths`, rest, datastore.name)
}

function clean(rest: readonly string[]): readonly string[] {
  return [...rest.slice(0, -1), (rest.at(-1) ?? '').split(/[?#]/, 1)[0] ?? '']
}

function build(base: string, segments: readonly string[], datastore: string | null): PathReference {
  const inner = segments.at(-1) === '' ? segments.slice(0, -1) : segments
  const to = (count: number): string => [base, ...inner.slice(0, count)].join('/')
  return {
    type: 'path',
    path: [base, ...segments].join('/'),
    datastore,
    folder: to(1),
    subfolder: to(2),
    ambiguous: inner.some(
      (segment) => segment === '' || segment === '.' || segment === '..' || DISGUISED.test(segment),
    ),
  }
}

function splitOnce(text: string, by: string): [string, string] {
  const at = text.indexOf(by)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + by.length)]
}
