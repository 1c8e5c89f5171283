/** Dashboards and alerts: Prometheus's own grammar reads each query, and each metric and label in them exists. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { documented, ROOT, startWithMetrics } from '../telemetry/support/metrics.ts'

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string }
}

const read = (file: string): string => readFileSync(join(ROOT, 'deploy', file), 'utf8')
const dashboard = JSON.parse(read('dashboards/grafana.json')) as { panels: readonly Panel[] }
const { spec } = parse(read('alerts/prometheus-rule.yaml')) as {
  spec: { groups: readonly { readonly rules: readonly Rule[] }[] }
}
const rules = spec.groups.flatMap((group) => group.rules)

/** Queries, with what stands where Grafana puts its variables. */
const queries: readonly (readonly [from: string, query: string])[] = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(
      ({ expr }) =>
        [
          title,
          expr.replaceAll(/\$__(?:rate_interval|range)/g, '5m').replaceAll('$job', '.+'),
        ] as const,
    ),
  ),
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
]

interface Named {
  readonly metrics: readonly string[]
  readonly labels: readonly string[]
  readonly faults: number
}

/** What a query names; `faults` counts what the grammar does not understand. */
function namesIn(query: string): Named {
  const found = { metrics: [] as string[], labels: [] as string[], faults: 0 }
  parser.parse(query).iterate({
    enter({ name, type, from, to, node }) {
      const text = query.slice(from, to)
      if (type.isError) found.faults += 1
      if (name === 'VectorSelector') {
        const metric = node.getChild('Identifier')
        if (metric !== null) found.metrics.push(query.slice(metric.from, metric.to))
      }
      if (name === 'LabelName') found.labels.push(text)
    },
  })
  return found
}

const promtool = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0
const skip = promtool ? false : 'promtool is not installed (Debian: prometheus)'
/** Of each scrape, and of histograms. */
const LABELS = ['job', 'instance', 'le']

t.test('every query is PromQL', async (t) => {
  t.ok(queries.length > 50)
  t.ok(namesIn('sum by (a (x)').faults > 0, 'the parser knows what is none')
  for (const [from, query] of queries) t.equal(namesIn(query).faults, 0, `${from}: ${query}`)
})

t.test('every metric is one that the gateway has, with these labels', async (t) => {
  const { world, metrics } = await startWithMetrics()
  t.teardown(() => world.close())
  const listed = new Map(documented().map((one) => [one.name, one]))
  const { kinds } = await metrics()
  for (const [from, query] of queries) {
    const { metrics: named, labels } = namesIn(query)
    t.ok(named.length > 0, from)
    const known = new Set(LABELS)
    for (const full of named) {
      const name = full.replace(/_(?:bucket|sum|count)$/, '')
      const {
        conditional = false,
        kind = kinds.get(name),
        labels: own = [],
      } = listed.get(name) ?? {}
      t.ok(kinds.has(name) || conditional, `${from}: ${full}`)
      t.equal(full !== name, kind === 'histogram', `${from}: ${full} is a ${kind}`)
      for (const label of own) known.add(label)
    }
    for (const label of labels) t.ok(known.has(label), `${from}: label ${label}`)
  }
})

t.test('every alert says how severe it is, and what is the matter', async (t) => {
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
  for (const { alert, labels, annotations, expr } of rules) {
    t.match(labels.severity, /^(?:critical|warning|info)$/, alert)
    t.ok(annotations.summary.length > 10, alert)
    const named = new Set(namesIn(expr).labels)
    for (const [, label = ''] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) {
      const own = namesIn(expr).metrics.flatMap(
        (name) =>
          documented().find((one) => name.replace(/_(?:bucket|sum|count)$/, '') === one.name)
            ?.labels ?? [],
      )
      t.ok(named.has(label) || LABELS.includes(label) || own.includes(label), `${alert}: ${label}`)
    }
  }
})

t.test('panels do not overlap and have titles of their own', async (t) => {
  const titles = dashboard.panels.map(({ title }) => title)
  t.equal(new Set(titles).size, titles.length)
  const places = (dashboard.panels as readonly (Panel & { gridPos: Record<string, number> })[]).map(
    ({ gridPos: { x = 0, y = 0, w = 0 } }) => ({ x, y, end: x + w }),
  )
  for (const [index, one] of places.entries()) {
    t.ok(one.end <= 24)
    const beside = places.slice(0, index).filter(({ y }) => y === one.y)
    t.ok(beside.every(({ end }) => end <= one.x))
  }
})

t.test('promtool takes the rules', { skip }, async (t) => {
  const file = join(t.testdir(), 'rules.yaml')
  writeFileSync(file, stringify(spec))
  const checked = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
  t.equal(checked.status, 0, checked.stderr)
  t.match(checked.stdout, `${rules.length} rules found`)
})

t.test('alerts fire when they should, as Prometheus evaluates them', { skip }, async (t) => {
  const directory = t.testdir()
  writeFileSync(join(directory, 'rules.yaml'), stringify(spec))
  /** Series over 40 minutes, the alerts that fire after them, and how severe these are. */
  const cases: readonly (readonly [
    series: string,
    values: string,
    alert: string,
    severity: string,
  ])[] = [
    ['harness_audit_ready{instance="a"}', '1x10 0x30', 'HarnessServesNothing', 'critical'],
    // it is there from its first value on
    [
      'harness_audit_refusals_total{instance="a", code="internal_error"}',
      '_x35 1x5',
      'HarnessFaults',
      'critical',
    ],
    [
      'harness_audit_oldest_unshipped_seconds{instance="a", sink="monitor"}',
      '0+60x40',
      'HarnessAuditSinkBehind',
      'warning',
    ],
    [
      'harness_tls_certificate_not_after_timestamp_seconds{instance="a"}',
      '864000x40',
      'HarnessCertificateEnds',
      'warning',
    ],
    [
      'harness_token_breaker_open{instance="a", identity="ml-writer", scope="s"}',
      '0x20 1x20',
      'HarnessIdentityUnavailable',
      'critical',
    ],
    ['harness_approvals_overrides_total{instance="a"}', '0x35 1x5', 'HarnessOverride', 'critical'],
  ]
  const calm = cases.map(([series]) => ({ series, values: '1x40' }))
  const tests = cases.map(([series, values, alert]) => ({
    interval: '1m',
    input_series: [{ series, values }],
    promql_expr_test: [
      {
        // a series of its own stands for each alert: its name and state are what is asked
        expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`,
        eval_time: '40m',
        exp_samples: [{ labels: '{}', value: 1 }],
      },
    ],
  }))
  const quiet = {
    interval: '1m',
    input_series: calm
      .filter(({ series }) => !/refusals|tls|breaker/.test(series))
      .concat({ series: 'harness_token_breaker_open{identity="ml-writer"}', values: '0x40' }),
    promql_expr_test: [
      { expr: 'count(ALERTS{alertstate="firing"})', eval_time: '40m', exp_samples: [] },
    ],
  }
  const file = join(directory, 'tests.yaml')
  writeFileSync(file, stringify({ rule_files: ['rules.yaml'], tests: [...tests, quiet] }))
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], {
    encoding: 'utf8',
  })
  t.equal(status, 0, `${stdout}${stderr}`)
  for (const [, , alert, severity] of cases)
    t.equal(rules.find((rule) => rule.alert === alert)?.labels.severity, severity, alert)
})
