/**
 * Fuzzing of bodies: read as every JSON parser reads them, at a cost that grows with their size, and with no reference
 * missed that stands where Azure could follow it.
 * @module
 */
import * as fc from 'fast-check'
import { bodyFacts } from '../../src/azureml/body/facts.ts'
import { outsideIn } from '../../src/azureml/elsewhere/outside.ts'
import { MAX_VALUES, parseJson, type JsonNode } from '../../src/lib/json/document.ts'
import { Refusal } from '../../src/errors.ts'
import { looksAt } from '../azureml/body/looks.ts'
import { demand, pure, type FuzzTarget } from './target.ts'

const OWN =
  '/subscriptions/s/resourcegroups/g/providers/microsoft.machinelearningservices/workspaces/own'
const OTHER =
  '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/other'
const TYPES = ['Job', 'BatchJob', 'Schedule', 'OnlineDeployment', 'ComputeTarget', 'ModelVersion']
const NAMES = [
  'properties', 'jobType', 'jobs', 'inputs', 'outputs', 'tags', 'description', 'displayName', 'environmentId', 'componentId', 'codeId',
  'model', 'compute', 'computeId', 'datastore', 'uri', 'path', 'value', 'type', 'job_input_type', 'resources', 'instanceType',
  'instance_count', 'identity', 'limits', 'action', 'jobDefinition', 'services', 'environmentVariables', 'command', 'args', 'image',
  'build', 'Tags', 't_ags', '__proto__', 'constructor', 'toString', 'azureml:x:1', '', 'a', 'b', 'length', 'systemData', 'registryName',
] // prettier-ignore
/** Azure shows what stands below these and follows nothing in it, or hands it to a program. */
const NOT_FOLLOWED =
  /^(?:description|displayname|tags|services|scoringuri|swaggeruri|systemdata|command|args|arguments|environmentvariables)$/
/** By the name that stands for what is referred to. */
const FORMS: readonly ((name: string) => string)[] = [
  (name) => `azureml:${name}:1`,
  (name) => `azureml:${name}@latest`,
  (name) => `azureml://registries/${name}/models/m/versions/1`,
  (name) => `azureml://datastores/${name}/paths/a/b`,
  (name) => `${OWN}/computes/${name}`,
  (name) => `${OWN}/models/${name}/versions/1`,
  (name) => `${OTHER}/data/${name}/versions/1`,
  (name) => `azureml:${OTHER}/computes/${name}`,
  (name) => ` ${OWN}/datastores/${name} `,
]

interface Planted {
  readonly text: string
  readonly name: string
  /** It leads out of the workspace. */
  readonly leaves: boolean
}
const planted: fc.Arbitrary<Planted> = fc
  .tuple(fc.constantFrom(...FORMS), fc.integer({ min: 0, max: 999 }))
  .map(([form, number]) => {
    const name = `planted${number}`
    const text = form(name)
    return { text, name, leaves: text.includes('registries/') || text.includes(OTHER) }
  })
const leaf = fc.oneof(
  { weight: 3, arbitrary: planted.map(({ text }) => text) },
  { weight: 1, arbitrary: fc.constantFrom('command', 'Pipeline', 'uri_folder', 'mltable', '1', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 9 }).filter((s) => s.isWellFormed()) },
  { weight: 1, arbitrary: fc.constantFrom(null, true, 0, 1e21, -1.5) },
) // prettier-ignore
const key = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
)
const { document } = fc.letrec<{ document: unknown }>((tie) => ({
  document: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    leaf,
    // entries, because an object cannot have `__proto__` as one of its own by assignment
    fc.array(fc.tuple(key, tie('document')), { maxLength: 5 }).map((entries) => new Map(entries)),
    fc.array(tie('document'), { maxLength: 4 }),
  ),
}))

/** As JSON; maps are objects. */
function written(value: unknown): string {
  if (value instanceof Map) {
    const members = [...(value as Map<string, unknown>)].map(
      ([name, inner]) => `${JSON.stringify(name)}:${written(inner)}`,
    )
    return `{${members.join(',')}}`
  }
  return Array.isArray(value) ? `[${value.map(written).join(',')}]` : JSON.stringify(value)
}

/** The same document by the platform's own parser, members in order. */
function agrees(node: JsonNode, value: unknown): boolean {
  switch (node.kind) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
      const names = Object.keys(value)
      return (
        names.length === node.members.length &&
        node.members.every(
          (one) =>
            Object.hasOwn(value, one.key) &&
            agrees(one.value, (value as Record<string, unknown>)[one.key]),
        )
      )
    }
    case 'array':
      return (
        Array.isArray(value) &&
        value.length === node.items.length &&
        node.items.every((item, at) => agrees(item, value[at]))
      )
    case 'string':
      return value === node.value
    default:
      return Object.is(JSON.parse(node.text), value)
  }
}

/** Every string that Azure could follow, by the platform's own parser; a name is enough to leave its inside out. */
function followed(value: unknown, found: string[] = []): string[] {
  if (typeof value === 'string') found.push(value)
  if (typeof value !== 'object' || value === null) return found
  for (const [name, inner] of Object.entries(value)) {
    const plain = name.toLowerCase().replaceAll('_', '')
    if (Array.isArray(value) || !NOT_FOLLOWED.test(plain)) followed(inner, found)
  }
  return found
}

const PLANTED = /planted\d+/
function check(text: string, type: string): void {
  const root = attempt(() => parseJson(Buffer.from(text)))
  if (root === null) return
  const value: unknown = JSON.parse(text)
  demand(agrees(root, value), 'it is read otherwise than by JSON.parse')
  const facts = attempt(() => bodyFacts(root, { scope: OWN, type, whole: true }, null))
  const outside = JSON.stringify(outsideIn(root, OWN, type))
  for (const one of followed(value)) {
    const name = PLANTED.exec(one)?.[0]
    if (name === undefined) continue
    const leaves = one.includes('registries/') || one.includes(OTHER)
    const told = leaves ? (one.includes('registries/') ? `"${name}"` : name) : ''
    demand(outside.includes(told), `"${one}" leads out of the workspace and is not told`)
    if (facts === null) continue
    demand(JSON.stringify(facts).includes(name), `no fact has "${one}"`)
  }
  const { looks, values } = looksAt(text, type)
  demand(looks <= 60 * values + 100, `${looks} looks at ${values} values`)
}

function attempt<T>(what: () => T): T | null {
  try {
    return what()
  } catch (error) {
    if (error instanceof Refusal && error.code === 'bad_body') return null
    throw error
  }
}

/** Bytes that may be no document: a valid one with a part of it changed, cut out or repeated. */
const broken = fc
  .tuple(document.map(written), fc.nat(), fc.nat(9), fc.string({ unit: 'binary', maxLength: 4 }))
  .map(([text, at, length, by]) => {
    const bytes = Buffer.from(text)
    const from = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, from), Buffer.from(by), bytes.subarray(from + length)])
  })

function checkBroken(bytes: Buffer): void {
  const root = attempt(() => parseJson(bytes, MAX_VALUES))
  if (root === null) return
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  demand(agrees(root, JSON.parse(text)), 'it is read otherwise than by JSON.parse')
}

export const bodies: FuzzTarget = pure(
  'read as JSON.parse reads it, linear in size, no reference missed that Azure could follow',
  4_000,
  () =>
    fc.property(document, broken, fc.constantFrom(...TYPES), (value, bytes, type) => {
      check(written(value), type)
      checkBroken(bytes)
    }),
)
