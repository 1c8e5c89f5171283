/**
 * `npm run bench -- structure [FOLDER]`: the shape of a source folder in figures: sizes, cycles, who writes the Exchange,
 * and how many times the code of one concept stands in it. docs/decisions has the table that these figures come from.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

/** What the code of a concept looks like, wherever it stands and whatever it is called. */
const CONCEPTS: Readonly<Record<string, RegExp>> = {
  'edit distance of two words': /Math\.min\((?:[^()]|\([^()]*\))*\+ 1/g,
  'type of a metric': /^(?:export )?interface (?:Metric|Sample|Described)\b/gm,
  'back-off of a circuit breaker': /Math\.min\([^;\n]*MAX_(?:DELAY_MS|BACK_OFF_SECONDS)/g,
  'sign-in host of a cloud': /'https:\/\/login\.microsoftonline\.us'/g,
  'code of a system error': /(?:^|\s)function codeOf\(|'code' in error/gm,
  'fields of a foreign JSON object':
    /function \w+\((?:value|node|document): unknown\)[^{\n]*\{\n\s*return[^;]*?typeof \w+ === 'object'/g,
  'type of a log function': /\(fields: Record<string, unknown>, message: string\) => void/g,
  'pattern of a GUID': /= \/\^\[0-9a-f\]\{8\}/g,
  'host names of this machine': /\[::1\]/g,
  'names of the profiles': /'entra'[^\n;]{0,20}'okta'[^\n;]{0,20}'oidc'/g,
}

const WRITES =
  /\bexchange\.\w+(?:\.\w+)? (?:\?\?|\|\||\+)?= |\(exchange\.\w+ (?:\?\?|\|\|)?= |\bupstream\.(?:status|ids) = /g

interface Diagnostic {
  readonly code: string
  readonly message: string
  readonly note?: string
  readonly filename: string
}

/** Each figure with its name, in the order of the table. */
export function measureStructure(folder: string): Readonly<Record<string, string | number>> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const texts = new Map(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]))
  const lines = [...texts].map(([file, text]) => ({ file, count: text.split('\n').length - 1 }))
  const largest = lines.reduce((most, one) => (one.count > most.count ? one : most))
  const folders = Map.groupBy(files, (file) => dirname(file))
  const [fullest, inside] = [...folders].reduce((most, one) =>
    one[1].length > most[1].length ? one : most,
  )
  const { functions, cycles } = lint(texts)
  const [longest] = functions
  const writers = [...texts].flatMap(([file, text]) => {
    const count = text.match(WRITES)?.length ?? 0
    return count === 0 ? [] : [{ file, count }]
  })
  return {
    files: files.length,
    'lines of the median file':
      lines.map(({ count }) => count).sort((a, b) => a - b)[Math.floor(lines.length / 2)] ?? 0,
    'largest file': `${largest.count} (${largest.file})`,
    'largest folder': `${inside.length} (${fullest})`,
    'largest function': longest === undefined ? 0 : `${longest.count} (${longest.name})`,
    'functions over 80 lines': functions.filter(({ count }) => count > 80).length,
    'import cycles, types included': cycles,
    'places that write the Exchange': writers.reduce((sum, { count }) => sum + count, 0),
    'files that write the Exchange': writers.length,
    ...Object.fromEntries(
      Object.entries(CONCEPTS).map(([concept, pattern]) => [
        `copies: ${concept}`,
        [...texts.values()].reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0),
      ]),
    ),
  }
}

/** Functions by their lines, longest first, and import cycles, as the linter counts both. */
function lint(texts: ReadonlyMap<string, string>): {
  functions: { name: string; count: number }[]
  cycles: number
} {
  const directory = mkdtempSync(join(tmpdir(), 'structure-'))
  try {
    const config = join(directory, 'oxlint.json')
    const source = join(directory, 'src')
    for (const [file, text] of texts) {
      mkdirSync(dirname(join(source, file)), { recursive: true })
      // what the repository exempts by name is counted here all the same
      writeFileSync(join(source, file), text.replaceAll(/oxlint-disable[^\n]*/g, ''))
    }
    const lengths = { max: 50, skipBlankLines: true, skipComments: true }
    const rules = {
      'import/no-cycle': ['error', { ignoreTypes: false }],
      'max-lines-per-function': ['error', lengths],
    }
    const categories = { correctness: 'off' }
    writeFileSync(config, JSON.stringify({ plugins: ['import'], categories, rules }))
    const home = dirname(createRequire(import.meta.url).resolve('oxlint/package.json'))
    const { stdout } = spawnSync(
      process.execPath,
      [join(home, 'bin/oxlint'), '-c', config, '--format', 'json', source],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    )
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Diagnostic[] }
    const functions = diagnostics.flatMap(({ message, filename }) => {
      const [, name, count] =
        /unction (?:`(\w+)` )?has too many lines \((\d+)\)/.exec(message) ?? []
      if (count === undefined) return []
      return [{ name: name ?? relative(source, filename), count: Number(count) }]
    })
    return {
      functions: functions.sort((a, b) => b.count - a.count),
      cycles: new Set(diagnostics.flatMap(({ note }) => filesOf(note))).size,
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The same cycle is reported once for each file in it. */
function filesOf(note: string | undefined): readonly string[] {
  if (note === undefined) return []
  const files = new Set([...note.matchAll(/\(([^()]+\.ts)\)/g)].map(([, file]) => file ?? ''))
  return [[...files].sort((a, b) => a.localeCompare(b)).join(' ')]
}
