/**
 * The machine that figures were measured on: without it they say nothing.
 */
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os'

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  /** Processes that wanted a core in the minute before: more than none make every figure worse. */
  readonly loadBefore: number
}

export function machine(): Machine {
  const all = cpus()
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${type()} ${release().split('-')[0]} ${arch()}`,
    node: process.version.slice(1),
    loadBefore: loadavg()[0] ?? 0,
  }
}

/** One line for people. */
export function machineLine({
  processor,
  cores,
  memoryGb,
  system,
  node,
  loadBefore,
}: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGb} GB, ${system}, Node ${node}, load before ${loadBefore.toFixed(1)}`
}
