/**
 * `policy test`: runs the cases beside the policies.
 * @module
 */
import { checkSignIn } from '../../identity/sign-in.ts'
import { runCases } from '../../policy/review/cases.ts'
import { EXIT, type Io } from '../io.ts'
import { tsvLine, type Output } from '../output.ts'
import { createProgress } from '../progress.ts'
import { caseFiles, policyOf, type PolicyValues } from './options.ts'

export interface TestOptions extends PolicyValues {
  readonly output: Output
}

export async function policyTest(options: TestOptions, io: Io): Promise<number> {
  const { set, options: loaded } = await policyOf(options, io)
  const names = { identities: loaded.identities, issuers: [] }
  const sources = await caseFiles(loaded.directory)
  // in characters: how many cases there are is known of a file once it is read
  const total = sources.reduce((sum, { text }) => sum + text.length, 0)
  const progress = createProgress(io, 'running cases', total)
  const results = sources.flatMap((source) =>
    runCases(set, source, names, checkSignIn, (of) => progress.add(source.text.length / of)),
  )
  progress.end()
  const failed = results.filter(({ wrong }) => wrong !== null)
  switch (options.output) {
    case 'json':
      for (const result of results) io.out(JSON.stringify(result))
      break
    case 'tsv':
      for (const { file, name, wrong } of results) io.out(tsvLine([file, name, wrong]))
      break
    case 'table':
      for (const { file, name, wrong } of failed) io.err(`${file}: ${name}: ${wrong}`)
  }
  io.err(`${results.length - failed.length} passed, ${failed.length} failed`)
  // no cases prove nothing
  return failed.length === 0 && results.length > 0 ? EXIT.ok : EXIT.failed
}
