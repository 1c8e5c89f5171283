/**
 * Fuzzing of Azure's answers as they pass: no foreign URL where a client follows one, no signed URL where secrets are
 * removed, and the same document otherwise, wherever the chunks part.
 * @module
 */
import * as fc from 'fast-check'
import { compilePlan } from '../../src/azureml/answers/json-plan.ts'
import { passed } from '../support/rewriting.ts'
import { createJsonRewriter } from '../../src/azureml/answers/json-rewriter.ts'
import { rewritePlan } from '../../src/azureml/answers/plan.ts'
import { createFieldMap } from '../../src/azureml/answers/rewrite.ts'
import { classify } from '../../src/azureml/classify.ts'
import { createHosts } from '../../src/azureml/hosts/hosts.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { Refusal } from '../../src/errors.ts'
import { demand, pure, type FuzzTarget } from './target.ts'

const GATEWAY = 'https://gw.example.com'
const S = '/subscriptions/00000000-0000-0000-0000-00000000000a'
const W = `${S}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws`
const hosts = createHosts({ name: 'AzureCloud' }, GATEWAY)
const OPERATIONS = [
  `GET ${W}`, `GET ${W}/jobs`, `GET ${W}/jobs/j`, `PUT ${W}/onlineEndpoints/e`, `GET ${W}/connections/c`, `GET ${W}/datastores`,
  `POST ${W}/connections/c/listSecrets`, `POST ${W}/listKeys`, `GET /history/v1.0${W}/runs/r`, `GET /discovery`,
  `GET /mlflow/v2.0${W}/api/2.0/mlflow/runs/get`, `GET /mlflow/v2.0${W}/api/2.0/mlflow/experiments/get`,
  `GET ${S}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/registries/r`,
].map((line) => {
  const [method = '', path = ''] = line.split(' ')
  return classify(parseTarget(method, `${path}${path.includes('/mlflow/') || path.startsWith('/discovery') ? '' : '?api-version=2024-04-01'}`))
}) // prettier-ignore

const SERVED = [
  'https://management.azure.com/x?y=1', 'https://westus2.api.azureml.ms/mlflow/v1.0/x', 'https://eastus.management.azure.com/x',
  'azureml://westus2.api.azureml.ms/mlflow/v1.0/x', '/at/the/same/host', 'https://e.westus2.inference.ml.azure.com/score', `${GATEWAY}/x`,
] // prettier-ignore
const FOREIGN = [
  'https://evil.example/x', 'https://management.azure.com.evil.example/x', 'https://management.azure.com@evil.example/', '//evil.example/x',
  '/\\evil.example/x', 'https:/evil.example', 'https:\\\\evil.example/', ' https://evil.example/', 'HTTPS://EVIL.example', 'https:evil.example',
  'https://management.azure.com:8443@evil.example', 'https://evil.example#.api.azureml.ms', 'https://evil.example\\.api.azureml.ms',
  'https://evil.example/.api.azureml.ms', 'azureml://evil.example/mlflow', 'http://management.azure.com.', 'ftp://evil.example/x',
  '\thttps://evil.example/', 'https://e\u0301vil.example/', 'https://evil.example:443/', 'mlflow-artifacts://evil.example/x',
] // prettier-ignore
const SIGNED = 'https://s.blob.core.windows.net/c?sv=2022&se=2030&sp=r&sig=canary%2Bcanary'
const NAMES = [
  'nextLink', 'next_link', 'nextPageLink', 'resourceLocation', '@odata.nextLink', '@nextLink', 'NEXTLINK', 'value', 'properties', 'tags',
  'discoveryUrl', 'mlFlowTrackingUri', 'scoringUri', 'swaggerUri', 'inferenceEndpoint', 'uri', 'agentsEndpointUri', 'services', 'Tracking',
  'Studio', 'endpoint', 'api', 'history', 'token', 'runMetadata', 'credentials', 'primaryKey', 'description', 'experiment',
  'artifact_location', 'run', 'info', 'artifact_uri', 'id', 'name', '__proto__', '', 'a',
] // prettier-ignore

const leaf = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...SERVED) },
  { weight: 3, arbitrary: fc.constantFrom(...FOREIGN) },
  { weight: 1, arbitrary: fc.constant(SIGNED) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(null, true, 0, -1.5, 1e21) },
)
const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
)
const { document } = fc.letrec<{ document: unknown }>((tie) => ({
  document: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    leaf,
    fc.uniqueArray(fc.tuple(key, tie('document')), {
      maxLength: 5,
      selector: ([name]) => name.toLowerCase(),
    }).map((entries) => new Map(entries)),
    fc.array(tie('document'), { maxLength: 4 }),
  ),
})) // prettier-ignore

/** A text as JSON with some of its characters escaped, as services do it in their ways. */
function quoted(text: string, style: number): string {
  const plain = JSON.stringify(text)
  if (style === 0) return plain
  if (style === 1) return plain.replaceAll('/', '\\/')
  const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  return plain.replaceAll(/[a-z](?<!\\.)(?<!\\u[\da-f]{0,4})/gi, (c) =>
    c.charCodeAt(0) % 3 === 0 ? escaped(c) : c,
  )
}

function written(value: unknown, style: number): string {
  if (value instanceof Map) {
    const members = [...(value as Map<string, unknown>)].map(
      ([name, inner]) => `${quoted(name, style)}: ${written(inner, style)}`,
    )
    return `{${members.join(' ,')}}`
  }
  if (Array.isArray(value)) return `[${value.map((one) => written(one, style)).join(',')}]`
  return typeof value === 'string' ? quoted(value, style) : JSON.stringify(value)
}

/** What the client gets; null for a refusal. */
function pass(text: string, at: number, redact: boolean, sizes: readonly number[]): string | null {
  const operation = OPERATIONS[at]
  if (operation === undefined) throw new Error('no such operation')
  const plan = rewritePlan(operation, redact)
  if (plan === null && !redact) return text
  const map = createFieldMap(hosts, operation)
  const rewriterOf = () => createJsonRewriter({ plan: plan ?? compilePlan([]), map, redact })
  try {
    return passed(rewriterOf, Buffer.from(text), sizes)
  } catch (error) {
    if (error instanceof Refusal && error.status === 502) return null
    throw error
  }
}

/** Where a client of some language would send its token, if it follows this. */
function hostOf(url: string): string {
  try {
    return new URL(url.replace(/^\s*azureml:/i, 'https:'), GATEWAY).host.toLowerCase()
  } catch {
    return ''
  }
}

const REMOVED = /redacted/

/** Throws where two documents differ otherwise than in a URL, or in what was removed. */
function same(before: unknown, after: unknown): void {
  if (typeof after === 'string' && before !== after) {
    // where a client would call a service, anything becomes a URL of the gateway's; else it loses what signs it
    const isOurs = typeof before === 'string' && hostOf(after) === 'gw.example.com'
    demand(isOurs || REMOVED.test(after), `it says ${after}`)
    return
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    demand(before.length === after.length, 'a list has another length')
    before.forEach((item, index) => same(item, after[index]))
    return
  }
  if (typeof before === 'object' && before !== null && typeof after === 'object') {
    const [names, left] = [Object.entries(before), Object.entries(after ?? {})]
    demand(names.length === left.length, 'an object has other members')
    names.forEach(([name, inner], index) => {
      const [kept, there] = left[index] ?? ['', undefined]
      demand(kept === name || REMOVED.test(kept), 'a member has another name')
      same(inner, there)
    })
    return
  }
  demand(Object.is(before, after), 'a value is another')
}

/** Where every client follows a URL, whatever the answer is about. */
const PAGING = ['nextlink', 'next_link', 'nextpagelink', 'resourcelocation', '@odata.nextlink', '@nextlink'] // prettier-ignore
function checkFollowed(value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  for (const [name, url] of Object.entries(value)) {
    if (!PAGING.includes(name.toLowerCase())) continue
    demand(typeof url === 'string' || url === null, `"${name}" is no text`)
    if (url !== null && url !== '' && !REMOVED.test(url))
      demand(hostOf(url) === 'gw.example.com', `"${name}" leads to ${hostOf(url)}`)
  }
}

export const answers: FuzzTarget = pure(
  'no foreign URL where a client follows one, no signed URL where secrets are removed, else the same document',
  6_000,
  () =>
    fc.property(
      document,
      fc.nat(OPERATIONS.length - 1),
      fc.boolean(),
      fc.nat(2),
      fc.array(fc.nat(40), { maxLength: 8 }),
      (value, at, redact, style, sizes) => {
        const text = written(value, style)
        const out = pass(text, at, redact, [])
        demand(pass(text, at, redact, sizes) === out, 'it depends on where the chunks part')
        if (out === null) return
        const after: unknown = JSON.parse(out)
        if (OPERATIONS[at]?.resource.type !== 'Discovery' && at !== 9) checkFollowed(after)
        if (redact) demand(!out.includes('canary'), 'a signature passes')
        if (!redact || OPERATIONS[at]?.secrets !== true) same(JSON.parse(text), after)
      },
    ),
)
