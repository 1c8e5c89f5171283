/**
 * Everything that exists in the lab's Azure, by resource id.
 * @module
 */
import type { ArmPath } from './paths.ts'

export type Document = Record<string, unknown>

export interface Resource {
  readonly path: ArmPath
  document: Document
  /** How often it was read since it was put: a job moves on with each read. */
  reads: number
}

export interface Store {
  get(key: string): Resource | null
  put(resource: Resource): void
  /** Removes it and all inside it. */
  delete(key: string): void
  /** Members of a collection, in the order in which they were made. */
  list(collection: string): readonly Resource[]
  /** All resources of a type below a scope. */
  below(scope: string, type: string): readonly Resource[]
}

/** Key of the collection that a resource is in: all but its name. */
function collectionOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}

export function createStore(): Store {
  const resources = new Map<string, Resource>()
  const collections = new Map<string, Map<string, Resource>>()

  function remove(key: string): void {
    resources.delete(key)
    collections.get(collectionOf(key))?.delete(key)
  }

  return {
    get: (key) => resources.get(key) ?? null,
    put(resource) {
      const { key } = resource.path
      const name = collectionOf(key)
      let members = collections.get(name)
      if (members === undefined) collections.set(name, (members = new Map()))
      resources.set(key, resource)
      members.set(key, resource)
    },
    delete(key) {
      for (const inside of resources.keys()) if (inside.startsWith(`${key}/`)) remove(inside)
      remove(key)
    },
    list: (collection) => [...(collections.get(collection)?.values() ?? [])],
    below: (scope, type) =>
      [...resources.values()].filter(
        (one) => one.path.type === type && one.path.key.startsWith(`${scope}/`),
      ),
  }
}
