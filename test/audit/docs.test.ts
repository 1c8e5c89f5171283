/** docs/audit.md says what the code says. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { azureSink, openFor, optionsOf, sinkServer, spoolDirectory } from './fixtures.ts'
import { COLUMNS } from '../../src/audit/record/columns.ts'
import { SINKS } from '../../src/audit/ship/sinks/sinks.ts'
import { ConfigSchema } from '../../src/config/schema/schema.ts'

const text = readFileSync(resolve(import.meta.dirname, '../../docs/audit.md'), 'utf8')
const section = (title: string): string =>
  text.slice(text.indexOf(`## ${title}`), text.indexOf('\n## ', text.indexOf(`## ${title}`) + 1))

t.test('the metrics in docs/metrics.md are those that there are', async (t) => {
  const sink = await sinkServer(t)
  const audit = await openFor(t, optionsOf(spoolDirectory(t), azureSink(sink.url)))
  const metrics = readFileSync(resolve(import.meta.dirname, '../../docs/metrics.md'), 'utf8')
  const named = [...metrics.matchAll(/^\| `(audit_\w+)`/gm)].map(([, name]) => name)
  const there = audit.metrics().map(({ name }) => name)
  t.same(new Set(named), new Set(there))
})

t.test('columns that the document names are columns of a record', async (t) => {
  const names = [...section('What is in a record').matchAll(/`([A-Z][A-Za-z]+)`/g)].map(
    ([, name]) => name ?? '',
  )
  t.ok(names.length > 30)
  for (const name of names) t.ok(Object.hasOwn(COLUMNS, name), name)
})

t.test('every key of the spool and every kind of sink is explained', async (t) => {
  const audit = ConfigSchema.properties.audit.properties
  const spool = section('The spool')
  for (const key of Object.keys(audit.spool.properties)) {
    t.ok(spool.includes(`\`${key}\``) || spool.includes(`audit.spool.${key}`), key)
  }
  const unidentified = section('Callers that are not identified')
  for (const [key, schema] of Object.entries(audit.unidentified.properties)) {
    const value = Reflect.get(schema, 'default').toLocaleString('en')
    t.ok(unidentified.includes(`| \`${key}\` | ${value} |`), key)
  }
  const sinks = section('Sinks')
  for (const [kind, { acknowledged }] of Object.entries(SINKS)) {
    t.ok(sinks.includes(`| \`${kind}\` | ${acknowledged} |`), kind)
  }
})
