import t from 'tap'
import { stringsOf } from '../../../src/azureml/answers/mapped-strings.ts'
import type { MappedKind } from '../../../src/azureml/answers/json-plan.ts'
import { createFieldMaps } from '../../../src/azureml/answers/rewrite.ts'
import { createHosts } from '../../../src/azureml/hosts/hosts.ts'
import { classify } from '../../../src/azureml/classify.ts'
import { parseTarget } from '../../../src/azureml/target.ts'

t.test('a map is asked once for the string that documents say again', (t) => {
  const asked: string[] = []
  const map = (value: string, kind: MappedKind): string => {
    asked.push(`${kind} ${value}`)
    return value.replace('azure', kind)
  }
  const say = (value: string, kind: MappedKind): string | undefined => {
    const bytes = Buffer.from(JSON.stringify(value))
    return stringsOf(map).replacement(bytes, 0, bytes.length, kind)?.toString()
  }
  const long = `https://azure/${'x'.repeat(512)}`
  for (let document = 0; document < 2; document += 1) {
    t.equal(say('https://azure/a?', 'url'), '"https://url/a?"')
    t.equal(say('https://azure/a?', 'link'), '"https://link/a?"', 'each kind has its own')
    t.equal(say('https://elsewhere/', 'scoring'), undefined)
    t.equal(say('https://azure/?sig=secret', 'page'), '"https://page/?sig=secret"')
    t.equal(say(long, 'artifacts'), JSON.stringify(long.replace('azure', 'artifacts')))
  }
  t.strictSame(asked, [
    'url https://azure/a?',
    'link https://azure/a?',
    'scoring https://elsewhere/',
    'page https://azure/?sig=secret',
    `artifacts ${long}`,
    // a query may have a secret in it, and a long text takes memory
    'page https://azure/?sig=secret',
    `artifacts ${long}`,
  ])
  t.end()
})

t.test('operations have one map where it says the same for them', (t) => {
  const mapOf = createFieldMaps(createHosts({ name: 'AzureCloud' }, 'https://gw.example.com'))
  const workspace = (name: string): string =>
    `/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/${name}`
  const of = (path: string) => mapOf(classify(parseTarget('GET', `${path}?api-version=2024-04-01`)))
  const jobs = of(`${workspace('w')}/jobs`)
  t.equal(of(`${workspace('w')}/jobs/one`), jobs)
  t.not(of(`${workspace('v')}/jobs`), jobs)
  const endpoint = of(`${workspace('w')}/onlineEndpoints/e`)
  t.not(endpoint, jobs)
  t.not(of(`${workspace('w')}/onlineEndpoints/f`), endpoint)
  const scoring = 'https://e.eastus.inference.ml.azure.com/score'
  t.equal(endpoint(scoring, 'scoring'), 'https://gw.example.com/_score/s/g/w/e/score')
  t.end()
})
