/**
 * Verifies a chain for a command that says how far it is and can be interrupted between two segments.
 * @module
 */
import { setImmediate } from 'node:timers/promises'
import { verifyBySegment, type Verdict } from '../../audit/inspect/verify.ts'
import type { Progress } from '../progress.ts'

/** @param trusted the only key ids to accept; any, if there are none */
export async function checkChain(
  directory: string,
  trusted: readonly string[],
  progress: Pick<Progress, 'add'>,
): Promise<Verdict> {
  const steps = verifyBySegment(directory, trusted)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    progress.add(step.value)
    // lets an interrupt in
    await setImmediate()
  }
}
