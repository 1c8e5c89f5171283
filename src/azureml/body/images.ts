/**
 * Container and machine images that a document names, and images that it has built.
 * @module
 */
import type { Collector } from './collect.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { child, text } from './nodes.ts'

/** The name of an image. */
interface ImageName {
  /** As written, with its host and without surrounding space. */
  readonly name: string
  /** In lower case; Docker's own if the name says none. */
  readonly host: string
  readonly pinned: boolean
}

const IMAGE_DIGEST = /@sha256:[0-9a-f]{64}$/
/** An image of virtual machines by its ARM id, which can name a version. */
const MACHINE_IMAGE = /^\/?subscriptions\//i
const MACHINE_VERSION = /\/versions\/\d[^/]*$/i
const MACHINE_HOST = 'microsoft.compute'
/** Stands for the images of a Dockerfile, which is not part of the document: no list of registries has this name. */
const BUILT = 'build'

/** Adds an image, named by text or by an object that has its name. */
export function noteImage(node: JsonNode, collector: Collector): void {
  const written = text(node) ?? text(child(node, 'reference')) ?? text(child(node, 'id'))
  if (written === null) return
  const { name, host, pinned } = parseImage(written)
  collector.add('images', name)
  collector.add('imageRegistries', host)
  collector.any('imagesUnpinned', !pinned)
}

/** Adds an image that is made from a Dockerfile: whatever that starts from, and not the same twice. */
export function noteBuild(node: JsonNode, collector: Collector): void {
  if (node.kind !== 'object') return
  const from = text(child(node, 'contexturi')) ?? text(child(node, 'path'))
  const file = text(child(node, 'dockerfilepath'))
  if (from === null && file === null) return
  collector.add('images', BUILT)
  collector.add('imageRegistries', BUILT)
  collector.any('imagesUnpinned', true)
}

/** Docker's rule: the part before the first slash is a host if it has a dot, has a port or is `localhost`. */
function parseImage(written: string): ImageName {
  const name = written.trim()
  if (MACHINE_IMAGE.test(name))
    return { name, host: MACHINE_HOST, pinned: MACHINE_VERSION.test(name) }
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash).toLowerCase()
  const isHost = /[.:]/.test(first) || first === 'localhost'
  return { name, host: isHost ? first : 'docker.io', pinned: IMAGE_DIGEST.test(name) }
}
