/**
 * What a region has for a subscription, whatever its workspaces: sizes of machines, usage and quotas.
 * @module
 */
import { json, type Answer } from '../../server/call.ts'
import type { ArmPath } from './paths.ts'

const FAMILY = 'standardDSv2Family'
const SIZES = [
  { name: 'Standard_DS3_v2', vCPUs: 4, memoryGB: 14 },
  { name: 'Standard_DS4_v2', vCPUs: 8, memoryGB: 28 },
] as const

const LISTS: Readonly<Record<string, (id: string) => readonly object[]>> = {
  vmsizes: () =>
    SIZES.map((size) => ({
      ...size,
      family: FAMILY,
      gpus: 0,
      osVhdSizeMB: 1_047_552,
      maxResourceVolumeMB: 28_672,
      lowPriorityCapable: true,
      premiumIO: true,
      supportedComputeTypes: ['AmlCompute', 'ComputeInstance'],
    })),
  usages: (id) => [
    {
      id: `${id}/usages/${FAMILY}`,
      type: 'Microsoft.MachineLearningServices/vmFamily/usages',
      unit: 'Count',
      currentValue: 4,
      limit: 100,
      name: { value: FAMILY, localizedValue: 'Standard DSv2 Family' },
    },
  ],
  quotas: (id) => [
    {
      id: `${id}/quotas/${FAMILY}`,
      type: 'Microsoft.MachineLearningServices/vmFamily/dedicatedCores/quotas',
      unit: 'Count',
      limit: 100,
      name: { value: FAMILY, localizedValue: 'Standard DSv2 Family' },
    },
  ],
}

/** Null if the path is no list of a region. */
export function locationList(path: ArmPath, apiVersion: string): Answer | null {
  const kind = path.rest?.toLowerCase() ?? ''
  const list = path.type === 'locations' ? LISTS[kind] : undefined
  if (list === undefined) return null
  // sizes had a list for each kind of compute until 2020-09-01-preview
  const member = kind === 'vmsizes' && apiVersion < '2020-09' ? 'amlCompute' : 'value'
  return json(200, { [member]: list(path.id) })
}
