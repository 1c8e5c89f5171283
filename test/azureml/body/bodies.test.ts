/** Request bodies of each type: every size, count, image, exposure and reference in one is a fact. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { findAll } from '../../../src/azureml/body/facts.ts'
import type { DocumentContext } from '../../../src/azureml/body/walk.ts'
import { parseJson } from '../../../src/lib/json/document.ts'
import { Refusal } from '../../../src/errors.ts'

interface Example extends Partial<Pick<DocumentContext, 'api' | 'whole'>> {
  readonly name: string
  readonly type: string
  readonly body: unknown
  /** A fact that cannot be told is null. */
  readonly facts: Readonly<Record<string, unknown>>
}

const EXAMPLES = JSON.parse(
  readFileSync(new URL('fixtures/bodies.json', import.meta.url), 'utf8'),
) as readonly Example[]

for (const { name, type, body, whole = true, api = 'arm', facts } of EXAMPLES) {
  t.test(name, async (t) => {
    const { collector } = findAll(parseJson(Buffer.from(JSON.stringify(body))), {
      scope: null,
      type,
      whole,
      api,
    })
    const found = collector.finish(new Set())
    for (const [fact, value] of Object.entries(facts)) {
      if (value !== null) t.same(found[fact], value, fact)
      else if (fact in found) t.throws(() => collector.finish(new Set([fact])), Refusal, fact)
    }
  })
}
