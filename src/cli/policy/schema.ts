/**
 * `policy schema`: the vocabulary of policies.
 * @module
 */
import { schemaText } from '../../policy/load/schema-text.ts'
import { createWords } from '../../policy/load/words.ts'
import { EXIT, type Io } from '../io.ts'

export function policySchema(io: Io): number {
  io.out(schemaText(createWords()).trimEnd())
  return EXIT.ok
}
