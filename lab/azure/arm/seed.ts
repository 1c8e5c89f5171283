/**
 * What is in the lab's workspaces before anybody calls.
 * @module
 */
import { REGION, workspaceId } from '../../personas.ts'
import type { MakeDocument } from './make-document.ts'
import { parseArmPath } from './paths.ts'
import type { Store } from './store.ts'
import { DATASTORES, datastoreDocument } from './uploads.ts'

/** `cpu-cluster`, as far as clients look at it. */
const CLUSTER = {
  osType: 'Linux',
  vmSize: 'STANDARD_DS3_V2',
  vmPriority: 'Dedicated',
  scaleSettings: { maxNodeCount: 4, minNodeCount: 0, nodeIdleTimeBeforeScaleDown: 'PT2M' },
  subnet: null,
  remoteLoginPortPublicAccess: 'NotSpecified',
  allocationState: 'Steady',
  currentNodeCount: 0,
  targetNodeCount: 0,
}

/** A workspace with one cluster and its own datastores in it. */
export function seed(store: Store, documentOf: MakeDocument, name: string): void {
  const path = parseArmPath(workspaceId(name))
  if (path === null) throw new Error('the ids of the lab are in the grammar')
  const own = { location: REGION, kind: 'Default', properties: { friendlyName: name } }
  store.put({ path, document: documentOf(path, own, null), reads: 0 })
  const cluster = parseArmPath(`${path.id}/computes/cpu-cluster`)
  if (cluster === null) throw new Error('the ids of the lab are in the grammar')
  const compute = {
    location: REGION,
    properties: { computeType: 'AmlCompute', computeLocation: REGION, properties: CLUSTER },
  }
  store.put({ path: cluster, document: documentOf(cluster, compute, null), reads: 0 })
  for (const [datastore, container] of DATASTORES) {
    const its = parseArmPath(`${path.id}/datastores/${datastore}`)
    if (its === null) throw new Error('the ids of the lab are in the grammar')
    store.put({
      path: its,
      document: documentOf(its, datastoreDocument(container), null),
      reads: 0,
    })
  }
}
