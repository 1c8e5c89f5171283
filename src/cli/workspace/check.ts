/**
 * `workspace check`: whether a workspace can be used through the gateway only, and what to mend first.
 * @module
 */
import type { Finding } from '../../doctor/finding.ts'
import { isGuid } from '../../lib/guid.ts'
import { findingLines, findingSummary } from '../finding-text.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import { examineWorkspace, isSound } from './checks/examine.ts'
import { withSides, workspaceIdOf, type WorkspaceValues } from './gateway-side.ts'

export interface CheckOptions extends WorkspaceValues {
  readonly workspace: string
  /** Object ids of principals that may write around the gateway. */
  readonly accept?: string[] | undefined
  readonly output: Output
}

/** Of a check's name. */
const WIDTH = 20

export async function workspaceCheck(options: CheckOptions, io: Io): Promise<number> {
  const { output } = options
  const id = workspaceIdOf(options.workspace)
  const accepted = new Set((options.accept ?? []).map((one) => one.toLowerCase()))
  for (const one of accepted)
    if (!isGuid(one)) throw new UsageError(`--accept takes an object id, not "${one}"`)
  // the id is that of every line: its name alone is enough for people
  const short = ({ where, ...rest }: Finding): Finding => ({
    ...rest,
    where: where.replace(id, id.slice(id.lastIndexOf('/') + 1)),
  })
  const report = (some: readonly Finding[]): void => {
    if (output === 'table')
      for (const finding of some)
        for (const line of findingLines(short(finding), io, WIDTH)) io.out(line)
  }
  const { findings, bypass } = await withSides(options, io, ({ azure, gateway }) =>
    examineWorkspace({ id, azure, gateway, accepted, report }),
  )
  const ok = isSound(findings)
  show(io, output, {
    json: () => ({ ok, workspace: id, findings, bypass }),
    table: () => [findingSummary(findings)],
    tsv: () =>
      findings.map(({ check, status, where, what, next }) => [check, status, where, what, next]),
  })
  return ok ? EXIT.ok : EXIT.failed
}
