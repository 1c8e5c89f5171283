/**
 * The rules that the configuration of the audit trail must keep: checked with the configuration, and again before the
 * trail is opened.
 * @module
 */
import type { AuditConfig } from '../config/schema/schema.ts'

/** A rule that is broken; the path is below `audit`. */
export interface AuditFault {
  readonly path: readonly (string | number)[]
  readonly message: string
}

const MAX_SEGMENT_BYTES = 64 * 1_048_576
const SOFT_SHARE = 0.8

/** The spool's limits; those that are not configured follow from `hardLimitBytes`. */
export function spoolLimits(spool: AuditConfig['spool']) {
  const { hardLimitBytes } = spool
  return {
    hardLimitBytes,
    softLimitBytes: spool.softLimitBytes ?? Math.floor(hardLimitBytes * SOFT_SHARE),
    segmentBytes: spool.segmentBytes ?? Math.min(MAX_SEGMENT_BYTES, Math.floor(hardLimitBytes / 8)),
  }
}

/** All faults; empty if the trail can be opened as it is configured. */
export function auditFaults({ sinks, spool }: AuditConfig): readonly AuditFault[] {
  const faults: AuditFault[] = []
  for (const [index, { name }] of sinks.entries()) {
    // each sink needs a cursor of its own
    const first = sinks.findIndex((other) => other.name === name)
    if (first === index) continue
    const message = `is the same as audit.sinks[${first}].name`
    faults.push({ path: ['sinks', index, 'name'], message })
  }
  if (sinks.every(({ required }) => required === false)) {
    const message = 'must have one that is required: otherwise records may be dropped unshipped'
    faults.push({ path: ['sinks'], message })
  }
  const { hardLimitBytes, softLimitBytes, segmentBytes } = spoolLimits(spool)
  if (softLimitBytes >= hardLimitBytes) {
    faults.push({ path: ['spool', 'softLimitBytes'], message: 'must be below hardLimitBytes' })
  }
  if (segmentBytes >= softLimitBytes) {
    const above = spool.softLimitBytes === undefined && segmentBytes >= hardLimitBytes
    const message = `must be below ${above ? 'hardLimitBytes' : 'softLimitBytes'}`
    faults.push({ path: ['spool', 'segmentBytes'], message })
  }
  return faults
}
