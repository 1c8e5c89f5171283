/**
 * `audit verify DIR`: whether a spool, or a copy of one, is what was written.
 * @module
 */
import { bytesIn } from '../../audit/inspect/stream.ts'
import { chainsIn, type Verdict } from '../../audit/inspect/verify.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output, type Result } from '../output.ts'
import { createProgress } from '../progress.ts'
import { checkChain } from './check-chain.ts'
import { spoolDirectory } from './given.ts'

export interface VerifyOptions {
  readonly config?: string | undefined
  readonly spool?: string | undefined
  readonly keyId?: string[] | undefined
  readonly atLeast?: number | undefined
  readonly output: Output
}

export async function auditVerify(options: VerifyOptions, io: Io): Promise<number> {
  const directory = await spoolDirectory(options, io)
  const chains = chainsIn(directory)
  if (chains.length === 0) {
    io.err(`no audit chain in "${directory}"`)
    return EXIT.failed
  }
  let valid = true
  const progress = createProgress(io, 'checking records', bytesIn(directory))
  for (const chain of chains) {
    const verdict = cutJudged(
      await checkChain(chain, options.keyId ?? [], progress),
      options.atLeast ?? 0,
    )
    if (verdict.broken !== null) valid = false
    show(io, options.output, resultOf(verdict))
  }
  progress.end()
  return valid ? EXIT.ok : EXIT.failed
}

function resultOf(verdict: Verdict): Result {
  const { chainId, broken, firstSeq, end, records } = verdict
  const state = broken === null ? 'valid' : 'broken'
  const place = [broken?.seq, broken?.segment, broken?.line, broken?.why]
  return {
    json: () => verdict,
    table: () => [textOf(verdict)],
    tsv: () => [[chainId, state, firstSeq, end.seq, records, ...place]],
  }
}

function cutJudged(verdict: Verdict, atLeast: number): Verdict {
  if (verdict.broken !== null || verdict.end.seq >= atLeast) return verdict
  const seq = verdict.end.seq + 1
  const why = `the chain ends before record ${atLeast}: its tail was cut`
  return { ...verdict, broken: { segment: '(end)', line: 0, seq, why } }
}

function textOf(verdict: Verdict): string {
  const { broken, end } = verdict
  const lines = [
    `chain ${verdict.chainId}: ${broken === null ? 'valid' : 'BROKEN'}`,
    `  records ${verdict.firstSeq} to ${end.seq}, ${verdict.records} in ${verdict.segments} segments, ${verdict.checkpoints} signed checkpoints by ${verdict.keyIds.join(', ')}`,
    `  ${verdict.unsigned} ${verdict.unsigned === 1 ? 'record' : 'records'} not yet signed, ${verdict.repairs} ${verdict.repairs === 1 ? 'recovery' : 'recoveries'} after a crash, head ${end.head}`,
  ]
  if (broken !== null) {
    lines.push(`  record ${broken.seq}, line ${broken.line} of ${broken.segment}: ${broken.why}`)
  }
  return lines.join('\n')
}
