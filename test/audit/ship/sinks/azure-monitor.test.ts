/**
 * What is deployed to Azure Monitor is what the gateway sends.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { COLUMNS } from '../../../../src/audit/record/columns.ts'

const directory = resolve(import.meta.dirname, '../../../../deploy/azure-monitor')
const text = (name: string): string => readFileSync(`${directory}/${name}`, 'utf8')
const template = JSON.parse(text('template.json'))
const resource = (type: string) =>
  template.resources.filter((item: { type: string }) => item.type === type)
const columns = Object.entries(COLUMNS).map(([name, type]) => ({ name, type }))
const functions = readdirSync(`${directory}/functions`)

t.test('the table and the stream have exactly the columns of a record', async (t) => {
  const [table] = resource('Microsoft.OperationalInsights/workspaces/tables')
  t.same(table.properties.schema.columns, columns)
  const [rule] = resource('Microsoft.Insights/dataCollectionRules')
  t.same(rule.properties.streamDeclarations['Custom-AmlHarnessAudit'].columns, columns)
  t.equal(rule.properties.dataFlows[0].transformKql, 'source', 'nothing is dropped on the way')
})

t.test('the functions and the workbook of the template are those of the files', async (t) => {
  const saved = resource('Microsoft.OperationalInsights/workspaces/savedSearches')
  t.equal(saved.length, functions.length)
  for (const { properties } of saved) {
    t.equal(properties.query, text(`functions/${properties.functionAlias}.kql`))
  }
  const [workbook] = resource('Microsoft.Insights/workbooks')
  t.same(JSON.parse(workbook.properties.serializedData), JSON.parse(text('workbook.json')))
})

t.test('queries name only functions and tables that are there', async (t) => {
  const known = new Set([
    ...functions.map((name) => name.replace('.kql', '')),
    'AmlHarnessAudit_CL',
  ])
  for (const name of [...functions.map((file) => `functions/${file}`), 'workbook.json']) {
    for (const [word] of text(name).matchAll(/\bAmlHarness\w+/g)) t.ok(known.has(word), word)
  }
})

t.test('what queries take from a record is one of its columns', async (t) => {
  const own = new Set(
    'EndTime Ended Hour Records SameChain Before MissingFrom MissingTo Missing Requests Principals Last Refused Actions'.split(
      ' ',
    ),
  )
  const requests = text('functions/AmlHarnessAuditRequests.kql')
  const [, list = ''] = /arg_max\(Seq, ([^)]+)\)/.exec(requests) ?? []
  const names = list.split(',').map((name) => name.trim())
  t.ok(names.length > 20)
  for (const name of names) t.ok(Object.hasOwn(COLUMNS, name) || own.has(name), name)
})

t.test('the gateway gets the right to send, and no other', async (t) => {
  const assignments = resource('Microsoft.Authorization/roleAssignments')
  t.equal(assignments.length, 1)
  // Monitoring Metrics Publisher
  t.equal(template.variables.publisherRole, '3913510d-42f4-4e42-8a64-420c390055eb')
  t.match(assignments[0].scope, /dataCollectionRules/)
})
