/**
 * Names of container images: the host that they are pulled from, and whether they are pinned.
 * @module
 */

export interface Image {
  /** As written, with its host and without surrounding space. */
  readonly name: string
  /** In lower case; Docker's own if the name says none. */
  readonly host: string
  readonly pinned: boolean
}

const DIGEST = /@sha256:[0-9a-f]{64}$/

/** Docker's rule: what stands before the first slash is a host if it has a dot or a port or is `localhost`. */
export function parseImage(text: string): Image {
  const name = text.trim()
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash).toLowerCase()
  const isHost = /[.:]/.test(first) || first === 'localhost'
  return { name, host: isHost ? first : 'docker.io', pinned: DIGEST.test(name) }
}
