/** The schema as it is printed is the one that policies are validated against, in Cedar's own words. */
import { schemaToJson, schemaToText } from '@cedar-policy/cedar-wasm/nodejs'
import t from 'tap'
import { createSchema } from '../../../src/policy/load/schema.ts'
import { schemaText } from '../../../src/policy/load/schema-text.ts'
import { createWords } from '../../../src/policy/load/words.ts'

for (const [name, words] of [
  ['the whole vocabulary', createWords()],
  ['no actions', createWords([])],
] as const) {
  t.test(name, (t) => {
    const printed = schemaToText(createSchema(words))
    if (printed.type === 'failure') throw new Error(printed.errors[0]?.message)
    t.equal(schemaText(words), printed.text.trimEnd(), 'as Cedar prints it')
    t.match(schemaToJson(schemaText(words)), { type: 'success' }, 'and reads it')
    t.end()
  })
}
