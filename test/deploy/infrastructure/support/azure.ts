/**
 * Azure without a socket: what a resource is answered with once it is made, by the lab's own tables.
 */
import { createMakeDocument } from '../../../../lab/azure/arm/make-document.ts'
import { parseArmPath } from '../../../../lab/azure/arm/paths.ts'
import { createStore } from '../../../../lab/azure/arm/store.ts'
import type { Document, Put, Resource } from './deployment.ts'

const HOSTS = { dataPlane: 'https://lab.example', scoring: 'https://lab.example' }

/** Keeps what is made, in the order in which it was made. Nothing is made twice. */
export function inMemory(): { readonly put: Put; readonly made: Resource[] } {
  const store = createStore()
  const documentOf = createMakeDocument(store, HOSTS)
  const made: Resource[] = []
  return {
    made,
    async put(resource) {
      const path = parseArmPath(resource.id)
      if (path === null) throw new Error(`${resource.id} is no id`)
      if (store.get(path.key) !== null) throw new Error(`${resource.id} is made twice`)
      const document = documentOf(path, resource.body, null)
      store.put({ path, document, reads: 0 })
      made.push(resource)
      return document as Document
    },
  }
}
