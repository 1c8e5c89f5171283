/** Published request bodies: each parses, and no size, count, image, exposure or reference in one is without its fact. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import type { BodyFacts } from '../../../src/azureml/body/collect.ts'
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

function examples(): { name: string; type: string; text: string }[] {
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
          type: typeOf(name),
          text: JSON.stringify(value),
        }))
    })
}

/** The Cedar type of what a file is about, told by its folder. */
function typeOf(file: string): string {
  const folders = file.split('/').slice(0, -1)
  if (folders.includes('Compute')) return 'ComputeTarget'
  const folder = folders.at(-1) ?? ''
  if (folder.endsWith('Job')) return 'Job'
  if (folder.endsWith('OnlineDeployment')) return 'OnlineDeployment'
  return folder === 'Registries' ? 'Registry' : folder
}

/** Fields of a kind, in lower case, and the fact that must know each. */
const SIZES = [
  'vmsize',
  'agentvmsize',
  'instancetype',
  'virtualmachinesize',
  'nodesize',
  'targetvmsize',
]
const COUNTS = ['instancecount', 'maxnodecount', 'agentcount', 'nodecount']
const EXPOSURES = [
  'publicnetworkaccess',
  'enablenodepublicip',
  'sshpublicaccess',
  'loadbalancertype',
]
const KEYS = ['authmode', 'disablelocalauth']

/** What of one field no fact has; null if a fact has it, or it is none of a kind that matters. */
function missing(facts: BodyFacts, key: string, value: unknown): string | null {
  const name = key.toLowerCase()
  const told = (fact: string, wanted: unknown): string | null =>
    [facts[fact]].flat().includes(wanted as string) ? null : `${fact}: ${key} ${String(wanted)}`
  if (SIZES.includes(name) && typeof value === 'string')
    return told('instanceTypes', value.toLowerCase())
  if (COUNTS.includes(name) && typeof value === 'number')
    return Number(facts['instanceCount'] ?? 0) >= value ? null : `instanceCount: ${key}`
  if (name === 'image' && typeof value === 'string') return told('images', value)
  if (name === 'reference' && typeof value === 'string') return told('images', value)
  if (name === 'baseimage' && typeof value === 'string') return told('images', value)
  if (name === 'dockerfilepath') return facts['imagesUnpinned'] === true ? null : key
  if (EXPOSURES.includes(name)) return 'publicNetworkAccess' in facts ? null : key
  if (KEYS.includes(name)) return 'localAuth' in facts ? null : key
  return null
}

/** Strings at the fields above, by walking the parsed value and not with the code under test. */
function* fields(value: unknown, key = ''): Generator<[string, string | number | boolean]> {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    yield [key, value]
  else if (Array.isArray(value)) for (const item of value) yield* fields(item, key)
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) yield* fields(inner, name)
}

const bodies = examples()

t.test('there are bodies to look at', { skip: absent }, async (t) => {
  t.ok(bodies.length >= 60, `${bodies.length} bodies`)
})

for (const { name, type, text } of bodies) {
  t.test(name, async (t) => {
    const found = findAll(parseJson(Buffer.from(text)), { scope: null, type, whole: true })
    const facts = found.collector.finish(new Set())
    let references = 0
    for (const [key, value] of fields(JSON.parse(text))) {
      t.equal(missing(facts, key, value), null)
      if (typeof value !== 'string') continue
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
