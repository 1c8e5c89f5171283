/**
 * `policy matrix`: which template grants what.
 * @module
 */
import { matrixText } from '../../policy/review/matrix.ts'
import { EXIT, type Io } from '../io.ts'
import { policyOf, type PolicyValues } from './options.ts'

export async function policyMatrix(options: PolicyValues, io: Io): Promise<number> {
  const { set } = await policyOf(options, io)
  io.out(matrixText(set).trimEnd())
  return EXIT.ok
}
