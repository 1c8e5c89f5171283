/**
 * The rules of docs/architecture.md, held by reading the imports of every file in src.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')

interface Import {
  from: string
  specifier: string
  typeOnly: boolean
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)
const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/^(?:import|export)\s+(type\s+)?([^'"]*?)\bfrom\s+'([^']+)'/gms)].map(
    (match) => ({
      from: file,
      specifier: match[3] ?? '',
      typeOnly:
        match[1] !== undefined ||
        /^\{(\s*type\s+\w+(\s+as\s+\w+)?\s*,?)+\s*\}\s*$/.test(match[2] ?? ''),
    }),
  )
})
/** The file of src that an import names, or null for a package. */
const target = (item: Import): string | null =>
  item.specifier.startsWith('.')
    ? relative(src, resolve(src, dirname(item.from), item.specifier))
    : null
const folder = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : '')

// in the order of the pipeline: a stage may take types from those before it, and values from none
// prettier-ignore
const STAGES = ['azureml', 'identity', 'approvals', 'policy', 'access', 'token', 'forward', 'enforce', 'audit']

const MAX_FILES = 20
const MAX_LINES = 400

t.test('there is something to check', async (t) => {
  t.ok(files.length > 20)
  t.ok(imports.length > 50)
})

t.test('src never imports the lab, tests or benchmarks', async (t) => {
  for (const item of imports) {
    const path = target(item)
    if (path !== null) t.notOk(path.startsWith('..'), `${item.from} imports ${item.specifier}`)
  }
})

t.test('stages import no values of each other, and types only of stages before them', async (t) => {
  for (const item of imports) {
    const path = target(item)
    const from = STAGES.indexOf(folder(item.from))
    const to = path === null ? -1 : STAGES.indexOf(folder(path))
    if (from === -1 || to === -1 || from === to) continue
    // enforce is built on azureml's readers of documents; its effects are given what they need (docs/decisions/0002)
    const reads = folder(item.from) === 'enforce' && !item.from.startsWith('enforce/effects/')
    t.ok(
      item.typeOnly || (reads && path?.startsWith('azureml/') === true),
      `${item.from} imports values of ${item.specifier}`,
    )
    t.ok(to < from, `${item.from} imports ${item.specifier}, which comes after it`)
  }
})

t.test('each package has one home', async (t) => {
  const homes: Record<string, (file: string) => boolean> = {
    jose: (file) =>
      ['identity', 'approvals'].includes(folder(file)) || file === 'console/sealed.ts',
    'openid-client': (file) =>
      folder(file) === 'identity' ||
      file.startsWith('cli/sign-in/') ||
      file === 'console/sign-in.ts',
    '@azure/identity': (file) => folder(file) === 'token',
    '@azure/keyvault-keys': (file) => file === 'approvals/key-vault.ts',
    '@azure/storage-blob': (file) => file.startsWith('approvals/ledger/'),
    '@azure/monitor-ingestion': (file) => file.startsWith('audit/ship/sinks/'),
    '@azure/monitor-query-logs': (file) => file.startsWith('audit/search/'),
    '@cedar-policy/cedar-wasm': (file) => folder(file) === 'policy',
    '@opentelemetry': (file) => file === 'telemetry/open-telemetry.ts',
    fastify: (file) => file === 'app.ts' || ['forward', 'http'].includes(folder(file)),
    '@fastify/http-proxy': (file) => file === 'app.ts' || folder(file) === 'forward',
  }
  for (const item of imports) {
    for (const [name, home] of Object.entries(homes)) {
      if (item.specifier === name || item.specifier.startsWith(`${name}/`)) {
        t.ok(home(item.from), `${item.from} imports ${item.specifier}`)
      }
    }
  }
})

t.test('only a release makes proofs', async (t) => {
  const makers = imports.filter((item) => target(item) === 'approvals/proof.ts' && !item.typeOnly)
  t.same([...new Set(makers.map(({ from }) => from))], ['approvals/release.ts'])
})

t.test('only main.ts touches process', async (t) => {
  for (const file of files) {
    if (file === 'main.ts') continue
    const text = readFileSync(join(src, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    t.notMatch(text, /(?<![\w.'"])process\.(?!pid\b)/, `${file} uses process`)
    // whose process a lock file names is asked of the system
    const allowed = file === 'audit/spool/lock-file.ts' ? '{ kill, pid }' : null
    const [, names] = /^import (.*) from '(?:node:)?process'$/m.exec(text) ?? []
    if (names !== undefined) t.equal(names, allowed, `${file} imports ${names} of process`)
  }
})

t.test('a layer takes nothing of those above it', async (t) => {
  // lowest first; doctor and cli see everything, and nothing but main.ts and each other sees them
  const LAYERS: readonly (readonly string[])[] = [['lib'], ['vocabulary'], [...STAGES, 'http']]
  const heightOf = (file: string): number => {
    // it imports nothing, and all refuse with it
    if (file === 'errors.ts') return 0
    const height = LAYERS.findIndex((layer) => layer.includes(folder(file)))
    return height === -1 ? LAYERS.length : height
  }
  // the words of every stage: what is known of a request, and what is configured
  const shared = /^(?:exchange\.ts|config\/)/
  for (const item of imports) {
    const path = target(item)
    if (path === null || shared.test(item.from)) continue
    const isFree = heightOf(item.from) === 2 && shared.test(path)
    t.ok(isFree || heightOf(path) <= heightOf(item.from), `${item.from} imports ${item.specifier}`)
  }
})

t.test('folders and files stay small enough to be read', async (t) => {
  const sizes = new Map<string, number>()
  for (const file of files) {
    sizes.set(dirname(file), (sizes.get(dirname(file)) ?? 0) + 1)
    const lines = readFileSync(join(src, file), 'utf8').split('\n').length - 1
    t.ok(lines <= MAX_LINES, `${file} has ${lines} lines`)
  }
  for (const [name, size] of sizes) t.ok(size <= MAX_FILES, `${name} has ${size} files`)
})

t.test('only pipeline.ts and exchange.ts write the exchange', async (t) => {
  // the fields that others see are readonly: who can name these can write them all the same
  const writable = /\b(?:WritableExchange|openExchange|createExchanges|progressOf)\b/
  const written = /\bexchange\.[\w.]+\s*(?:\?\?|\|\||&&|[-+*/%&|^])?=(?![=>])/
  for (const file of files) {
    if (file === 'pipeline.ts' || file === 'exchange.ts') continue
    const text = readFileSync(join(src, file), 'utf8')
    t.notMatch(text, writable, `${file} can write the exchange`)
    t.notMatch(text, written, `${file} writes the exchange`)
  }
})

t.test('every module opens with what it is for', async (t) => {
  for (const file of files) {
    const text = readFileSync(join(src, file), 'utf8').replace(/^#!.*\n/, '')
    t.match(text, /^\/\*\*\n \* \S[\s\S]*?@module\n \*\//, `${file} has no opening comment`)
  }
})
