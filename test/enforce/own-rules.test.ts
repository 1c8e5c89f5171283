/** The gateway's own rules: a call goes through those that concern it, in their order, and through no others. */
import t from 'tap'
import { classify } from '../../src/azureml/classify.ts'
import { createHosts } from '../../src/azureml/hosts/hosts.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { datastoreCredentials } from '../../src/enforce/datastore-credentials.ts'
import type { Enforcement } from '../../src/enforce/enforce.ts'
import { foreignReferences } from '../../src/enforce/foreign-references.ts'
import { createRegistryPlaces } from '../../src/enforce/lookups/registries.ts'
import { modelStamps } from '../../src/enforce/model-stamps.ts'
import { withOwnRules, type OwnRule } from '../../src/enforce/own-rules.ts'
import { ownTags } from '../../src/enforce/own-tags.ts'
import { isClassified, type Classified } from '../../src/enforce/what-must-be-known.ts'
import type { Exchange } from '../../src/exchange.ts'
import { progressOf } from '../../src/exchange.ts'
import { principal, WS } from '../policy/support.ts'
import { exchangeWith } from '../support/exchange.ts'

const VERSION = 'api-version=2024-04-01'
const OTHER = WS.replace('ws-lab', 'ws-other')

function callOf(method: string, path: string): Classified {
  const target = parseTarget(method, path)
  const operation = classify(target)
  const exchange: Exchange = exchangeWith({ method, target, operation, principal: principal() })
  if (!isClassified(exchange)) throw new Error('it is classified')
  return exchange
}

/** Notes each stage that it is asked for. */
function noting(name: string, inner: Enforcement | null, steps: string[]): Enforcement {
  const note = (stage: string): void => void steps.push(`${name} ${stage}`)
  return {
    gather(exchange, request, progress) {
      note('gather')
      if (inner !== null) return inner.gather(exchange, request, progress)
      const { operation } = exchange
      if (operation === null) throw new Error('it is classified')
      return { operation, facts: {}, version: '', content: null, run: null }
    },
    lookUp(exchange, gathered, via, progress) {
      note('lookUp')
      return inner?.lookUp(exchange, gathered, via, progress) ?? null
    },
    finish(exchange, permit, gathered, progress) {
      note('finish')
      return inner?.finish(exchange, permit, gathered, progress) ?? { body: null, changes: null }
    },
    screen(exchange, via, progress) {
      note('screen')
      return inner?.screen(exchange, via, progress) ?? null
    },
  }
}

t.test('each stage goes through the rules that concern the call, the last one first', async (t) => {
  const steps: string[] = []
  let asked = 0
  const rule = (name: string, concerns: OwnRule['concerns']): OwnRule => ({
    concerns(call) {
      asked += 1
      return concerns(call)
    },
    around: (inner) => noting(name, inner, steps),
  })
  const enforcement = withOwnRules(noting('policy', null, steps), [
    rule('writes', ({ operation }) => operation.effect === 'write'),
    rule('never', () => false),
    rule('jobs', ({ operation }) => operation.resource.type === 'Job'),
  ])
  const stepsOf = async (call: Classified): Promise<readonly string[]> => {
    steps.length = 0
    const progress = progressOf({ ...call })
    const request = { headers: {}, stream: (async function* () {})() } as unknown as Parameters<
      Enforcement['gather']
    >[1]
    const gathered = await enforcement.gather(call, request, progress)
    const via = {} as Parameters<Enforcement['lookUp']>[2]
    await enforcement.lookUp(call, gathered, via, progress)
    enforcement.screen(call, via, progress)
    return [...steps]
  }
  const all = (...names: string[]): readonly string[] =>
    ['gather', 'lookUp', 'screen'].flatMap((stage) => names.map((name) => `${name} ${stage}`))
  const write = callOf('PUT', `${WS}/jobs/a?${VERSION}`)
  t.same(await stepsOf(write), all('jobs', 'writes', 'policy'))
  t.same(await stepsOf(callOf('GET', `${WS}/jobs/a?${VERSION}`)), all('jobs', 'policy'))
  t.same(await stepsOf(callOf('PUT', `${WS}/models/a?${VERSION}`)), all('writes', 'policy'))
  t.same(await stepsOf(callOf('GET', `${WS}/models/a?${VERSION}`)), all('policy'))
  const before = asked
  t.same(await stepsOf({ ...write }), all('jobs', 'writes', 'policy'))
  t.equal(asked, before, 'the rules of a target are known')
  t.same(
    await stepsOf({ ...write, target: null }),
    all('jobs', 'never', 'writes', 'policy'),
    'nothing is left out where nothing is known',
  )
})

t.test('which calls the rules of the gateway look at', async (t) => {
  const refuse = (): never => {
    throw new Error('nothing is judged')
  }
  const options = { decide: refuse, callFacts: refuse, ask: refuse, bodyBytes: 1_000 }
  const hosts = createHosts({ name: 'AzureCloud' }, 'https://gw.example.com')
  const places = createRegistryPlaces(hosts)
  const rules = {
    datastores: datastoreCredentials(options),
    tags: ownTags(options),
    stamps: modelStamps(options),
    references: foreignReferences({ ...options, hosts, places, askedFacts: () => null }),
  }
  const namesOf = (call: Classified): string =>
    Object.entries(rules)
      .filter(([, { concerns }]) => concerns(call))
      .map(([name]) => name)
      .join(' ')
  for (const [method, path, names] of [
    ['GET', `${WS}/jobs/a?${VERSION}`, ''],
    ['GET', `${WS}/jobs?$filter=x&${VERSION}`, ''],
    ['HEAD', `${WS}/jobs/a?${VERSION}`, ''],
    ['GET', `${WS}/jobs?job=azureml:${OTHER}/jobs/b&${VERSION}`, 'references'],
    ['GET', `${WS}/datastores/a?${VERSION}`, 'datastores'],
    ['GET', `${WS}/datastores?${VERSION}`, 'datastores'],
    ['PUT', `${WS}/datastores/a?${VERSION}`, 'datastores tags references'],
    ['PUT', `${WS}/jobs/a?${VERSION}`, 'tags references'],
    ['PATCH', `${WS}/jobs/a?${VERSION}`, 'tags references'],
    ['DELETE', `${WS}/jobs/a?${VERSION}`, 'tags references'],
    ['POST', `${WS}/jobs/a/cancel?${VERSION}`, 'tags references'],
    ['PUT', `${WS}/models/a/versions/1?${VERSION}`, 'tags stamps references'],
    ['GET', `${WS}/models/a/versions/1?${VERSION}`, ''],
    ['POST', `/mlflow/v2.0${WS}/api/2.0/mlflow/runs/create`, 'tags references'],
    ['POST', `/mlflow/v2.0${WS}/api/2.0/mlflow/runs/log-metric`, ''],
    ['POST', `/mlflow/v2.0${WS}/api/2.0/mlflow/model-versions/create`, 'tags stamps references'],
  ] as const)
    t.equal(namesOf(callOf(method, path)), names, `${method} ${path.replace(WS, '')}`)
})
