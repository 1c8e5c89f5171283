/**
 * `policy schema` and `policy matrix`: the vocabulary of policies, and which template grants what.
 * @module
 */
import { matrixText } from '../../policy/review/matrix.ts'
import { schemaText } from '../../policy/load/schema-text.ts'
import { createWords } from '../../policy/load/words.ts'
import { EXIT, type Io } from '../io.ts'
import { policyOf, type PolicyValues } from './options.ts'

export function policySchema(io: Io): number {
  io.out(schemaText(createWords()).trimEnd())
  return EXIT.ok
}

export async function policyMatrix(options: PolicyValues, io: Io): Promise<number> {
  const { set } = await policyOf(options, io)
  io.out(matrixText(set).trimEnd())
  return EXIT.ok
}
