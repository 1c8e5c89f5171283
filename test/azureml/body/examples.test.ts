/** Published request bodies: each parses, and every reference in it is found. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { findAll } from '../../../src/azureml/body/facts.ts'
import { parseJson } from '../../../src/lib/json/document.ts'
import { absent, FOLDER } from '../../support/surface.ts'

const FACTS_OF_REFERENCES = [
  'environments',
  'components',
  'models',
  'data',
  'computes',
  'datastores',
  'paths',
] as const
/** Fields that hold a reference wherever the examples have them, and one of the facts that must know its value. */
const REFERENCES: Readonly<Record<string, (typeof FACTS_OF_REFERENCES)[number]>> = {
  environmentId: 'environments',
  model: 'models',
  uri: 'paths',
  modelUri: 'paths',
  dataUri: 'paths',
  codeUri: 'paths',
  contextUri: 'paths',
}

function examples(): { name: string; text: string }[] {
  if (FOLDER === null) return []
  const root = join(FOLDER, 'examples')
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && name !== 'INDEX.json')
    .flatMap((name) => {
      const file = JSON.parse(readFileSync(join(root, name), 'utf8')) as {
        parameters?: Record<string, unknown>
      }
      return Object.entries(file.parameters ?? {})
        .filter(([, value]) => typeof value === 'object' && value !== null && !Array.isArray(value))
        .map(([key, value]) => ({
          name: `${relative('.', name)} ${key}`,
          text: JSON.stringify(value),
        }))
    })
}

/** Strings at the fields above, by walking the parsed value and not with the code under test. */
function* fields(value: unknown, key = ''): Generator<[string, string]> {
  if (typeof value === 'string') yield [key, value]
  else if (Array.isArray(value)) for (const item of value) yield* fields(item, key)
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) yield* fields(inner, name)
}

const bodies = examples()

t.test('there are bodies to look at', { skip: absent }, async (t) => {
  t.ok(bodies.length >= 60, `${bodies.length} bodies`)
})

for (const { name, text } of bodies) {
  t.test(name, async (t) => {
    const found = findAll(parseJson(Buffer.from(text)), { scope: null, type: 'Job', whole: true })
    const facts = found.collector.finish(new Set())
    let references = 0
    for (const [key, value] of fields(JSON.parse(text))) {
      const fact = Object.hasOwn(REFERENCES, key) ? REFERENCES[key] : undefined
      const isReference =
        /^(azureml:|\/subscriptions\/.*\/(environments|models|components|data|computes|datastores)\/|[a-z]+:\/\/)/i.test(
          value,
        )
      if (fact !== undefined && (fact !== 'paths' || isReference)) {
        references += 1
        t.ok(
          FACTS_OF_REFERENCES.some((one) => (facts[one] as string[]).length > 0),
          `${key}: ${value}`,
        )
      }
    }
    t.ok(typeof facts['imagesUnpinned'] === 'boolean', `${references} references`)
  })
}
