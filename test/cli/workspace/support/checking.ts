/**
 * `workspace check` of the sound workspace, as what it found.
 * @module
 */
import type { Bypass } from '../../../../src/cli/workspace/checks/bypass.ts'
import type { Finding } from '../../../../src/doctor/finding.ts'
import { run } from '../../support/run.ts'
import { SOUND, type Document } from './sound.ts'

export interface Seen {
  readonly status: number
  readonly err: string
  /** Names of the checks, in their order. */
  readonly checks: readonly string[]
  /** Findings that are not all right, as `check status`. */
  readonly ill: readonly string[]
  /** The same with where, what and next. */
  readonly text: string
  readonly bypass: readonly Bypass[]
}

/** @throws Error if the exit status is not what "ok" says */
export async function check(
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Seen> {
  const ran = await run(['workspace', 'check', SOUND, '--config', file, '--json', ...args], { env })
  const { findings, bypass, ok } = JSON.parse(ran.out) as {
    findings: readonly Finding[]
    bypass: readonly Bypass[]
    ok: boolean
  }
  if (ok !== (ran.status === 0)) throw new Error(`status ${ran.status}, and ok is ${ok}`)
  const ill = findings.filter(({ status }) => status !== 'ok')
  return {
    status: ran.status,
    err: ran.err,
    checks: [...new Set(findings.map((one) => one.check))],
    ill: ill.map((one) => `${one.check} ${one.status}`),
    text: ill.map(({ where, what, next }) => `${where}: ${what} -> ${next}`).join('\n'),
    bypass,
  }
}

/** A document with other properties. @param top members beside `properties` */
export const merged = (document: Document, properties: Document, top: Document = {}): Document => ({
  ...document,
  ...top,
  properties: { ...(document['properties'] as Document), ...properties },
})
