/** What identifies a document, or satisfies a policy, is read at its published place; a decoy anywhere else changes nothing. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import t from 'tap'
import { bodyFacts } from '../../../src/azureml/body/facts.ts'
import { parseJson } from '../../../src/lib/json/document.ts'

const FACTS = ['tags', 'experiment'] as const
const ASKED = new Set<string>(FACTS)

function facts(
  type: string,
  body: unknown,
  asked: ReadonlySet<string> = ASKED,
  api?: 'data plane',
) {
  const context = { scope: null, type, whole: true, ...(api === undefined ? {} : { api }) }
  return bodyFacts(parseJson(Buffer.from(JSON.stringify(body))), context, asked)
}

const CHURN = { project: 'churn' }
/** Honest documents, each with the tags and the experiment that it has. */
const DOCUMENTS: readonly (readonly [type: string, body: Record<string, unknown>])[] = [
  ['Job', { properties: { jobType: 'Command', tags: CHURN, experimentName: 'own' } }],
  [
    'Job',
    {
      properties: {
        jobType: 'Pipeline',
        tags: CHURN,
        jobs: { a: { type: 'command', limits: {} } },
      },
    },
  ],
  [
    'Schedule',
    {
      properties: {
        action: { jobDefinition: { jobType: 'Command', tags: CHURN, experimentName: 'own' } },
      },
    },
  ],
  ['BatchJob', { properties: { tags: CHURN, properties: { experimentName: 'own' } } }],
  ['ComponentVersion', { properties: { tags: CHURN, componentSpec: { inputs: {} } } }],
  ['ModelVersion', { properties: { tags: CHURN, modelUri: 'azureml://datastores/a/paths/b' } }],
  ['OnlineEndpoint', { tags: CHURN, properties: { authMode: 'Key', properties: {} } }],
  ['ComputeTarget', { tags: CHURN, properties: { computeType: 'AmlCompute', properties: {} } }],
]
const DECOYS = ['tags', 'Tags', 't_ags', 'experimentName', 'experiment_name', 'kvTags']

type Path = readonly string[]
const OWN: ReadonlyMap<string, readonly string[]> = new Map([
  ['Job', ['properties']],
  ['BatchJob', ['properties', 'properties/properties']],
  ['Schedule', ['properties', 'properties/action/jobDefinition']],
  ['ComponentVersion', ['properties']],
  ['ModelVersion', ['properties']],
  ['OnlineEndpoint', ['']],
  ['ComputeTarget', ['']],
])

/** Paths of all objects within, the document itself included. */
function objects(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return [path, ...Object.entries(value).flatMap(([key, inner]) => objects(inner, [...path, key]))]
}

function put(body: unknown, path: Path, name: string, value: unknown): unknown {
  const copy = structuredClone(body) as Record<string, unknown>
  let at = copy
  for (const key of path) at = (at[key] ??= {}) as Record<string, unknown>
  at[name] ??= value
  return copy
}

t.test('decoys at wrong places change neither tags nor experiment', async () => {
  const where = fc.array(
    fc.constantFrom('services', 'x', 'distribution', 'description', 'inputs', '0'),
    {
      maxLength: 3,
    },
  )
  fc.assert(
    fc.property(
      fc.constantFrom(...DOCUMENTS),
      fc.nat(),
      where,
      fc.constantFrom(...DECOYS),
      fc.string({ maxLength: 8 }),
      ([type, body], pick, below, name, text) => {
        const places = objects(body).filter((path) => path.at(-1) !== 'tags')
        const base = places[pick % places.length] ?? []
        const path = [...base, ...below]
        const own = OWN.get(type)?.includes(path.join('/')) === true
        // Azure reads these: they are no decoys
        if (own && !name.includes('_')) return
        if (type === 'Job' && path.at(-2) === 'jobs') return
        const value = /tags/i.test(name) ? { project: text, [text]: 'x' } : text
        const decoyed = put(body, path, name, value)
        try {
          assert.deepEqual(identifying(type, decoyed), identifying(type, body))
        } catch (error) {
          if (!String(error).includes('in two spellings')) throw error
        }
      },
    ),
    { numRuns: 2_000 },
  )
})

function identifying(type: string, body: unknown): readonly unknown[] {
  const all = facts(type, body)
  return FACTS.map((fact) => all[fact])
}

t.test('tags of the data plane are at the top, in either of their forms', async (t) => {
  const both = { tags: [{ key: 'a', value: 'b' }], kvTags: { c: 'd' }, properties: { tags: CHURN } }
  t.same(facts('Model', both, ASKED, 'data plane')['tags'], ['a=b', 'c=d'])
  t.throws(() => facts('Model', { tags: ['a'] }, ASKED, 'data plane'), { code: 'bad_body' })
})

t.test(
  'a schedule is told by the job that it starts, and may not say another thing of itself',
  async (t) => {
    const schedule = (own: unknown, made: unknown) => ({
      properties: { tags: own, action: { jobDefinition: { jobType: 'Command', tags: made } } },
    })
    t.same(facts('Schedule', schedule(CHURN, {}))['tags'], [])
    t.same(facts('Schedule', schedule({ team: 'a' }, CHURN))['tags'], ['project=churn'])
    t.throws(() => facts('Schedule', schedule({ project: 'fraud' }, CHURN)), { code: 'bad_body' })
  },
)

t.test('a step may not have another value of a tag than its pipeline', async (t) => {
  const pipeline = (tags: unknown) => ({
    properties: {
      jobType: 'Pipeline',
      tags: CHURN,
      jobs: { a: { type: 'pipeline', jobs: { b: { type: 'command', tags } } } },
    },
  })
  t.same(facts('Job', pipeline({ project: 'churn', step: 'b' }))['tags'], ['project=churn'])
  t.throws(() => facts('Job', pipeline({ project: 'fraud' })), { code: 'bad_body' })
})

t.test('what closes, limits or names a compute does so at its own place alone', async (t) => {
  const all = new Set<string>()
  const far = { x: { publicNetworkAccess: 'Disabled', authMode: 'AADToken' } }
  t.match(facts('OnlineEndpoint', { properties: far }, all), {
    publicNetworkAccess: true,
    localAuth: true,
  })
  const limited = { type: 'command', computeId: 'azureml:cpu', limits: { timeout: 60 } }
  for (const decoy of [
    { jobType: 'Command', jobs: { a: limited } },
    { jobType: 'Command', com_puteId: 'azureml:cpu', target: 'cpu', limits: { time_out: 'PT1H' } },
    { jobType: 'Spark', limits: { timeout: 'PT1H' } },
    { jobType: 'AutoML', limits: { timeout: 'PT1H' }, properties: { limits: { timeout: 'PT1H' } } },
  ]) {
    const found = facts('Job', { properties: decoy }, all)
    t.ok((found['computes'] as string[]).includes('serverless'), JSON.stringify(decoy))
    t.notOk('timeLimitSeconds' in found)
  }
  const asWhom = { jobType: 'Command', iden_tity: { identityType: 'Managed' } }
  t.ok(
    (facts('Job', { properties: asWhom }, all)['jobIdentities'] as string[]).includes('aml_token'),
  )
})
