/** SECURITY.md answers advisories of packages: no answer is about a package that is not there, or a fix that is not had. */
import { readFileSync } from 'node:fs'
import t from 'tap'

interface Advisory {
  readonly ids: readonly string[]
  readonly name: string
  /** One a release line. */
  readonly fixed: readonly string[]
  readonly answer: string
}
interface Locked {
  readonly version: string
  readonly name?: string
  readonly dev?: true
  readonly devOptional?: true
}
type Packages = Readonly<Record<string, Locked>>

/** Rows of the table under the heading. */
function advisoriesIn(text: string): readonly Advisory[] {
  const [, section = ''] = text.split('\n## Advisories of dependencies\n')
  return section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:advisory|---) /u.test(line))
    .map((line) => {
      const [, ids = '', name = '', fixed = '', answer = ''] = line
        .split('|')
        .map((cell) => cell.trim())
      return { ids: ids.split(', '), name, fixed: fixed.split(', '), answer }
    })
}

const numbers = (version: string): readonly number[] => version.split('.').map(Number)
function isBefore(one: string, other: string): boolean {
  const [a, b] = [numbers(one), numbers(other)]
  const at = a.findIndex((number, index) => number !== b[index])
  return at !== -1 && (a[at] ?? 0) < (b[at] ?? 0)
}

/** The fix that a version is measured by: of its own release line, or of the last one before it. */
function fixFor(version: string, fixed: readonly string[]): string | undefined {
  const [major = 0] = numbers(version)
  return (
    fixed.findLast((one) => (numbers(one)[0] ?? 0) <= major) ??
    // a release line from before all fixes
    fixed[0]
  )
}

/** What is wrong with the answers, given what runs in production. */
function faultsOf(advisories: readonly Advisory[], packages: Packages): readonly string[] {
  const production = Object.entries(packages).filter(
    ([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true,
  )
  return advisories.flatMap(({ ids, name, fixed, answer }) => {
    const about = `${ids.join(', ')} of ${name}`
    const versions = production
      .filter(([path, one]) => (one.name ?? path.split('node_modules/').at(-1)) === name)
      .map(([, { version }]) => version)
    if (versions.length === 0) return [`${about}: the package does not run in production`]
    if (answer === '') return [`${about}: no answer`]
    return versions
      .filter((version) => isBefore(version, fixFor(version, fixed) ?? ''))
      .map((version) => `${about}: ${version} does not have the fix`)
  })
}

const advisories = advisoriesIn(readFileSync('SECURITY.md', 'utf8'))
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Packages }

t.test('each row is of a package that runs in production, in a version with the fix', (t) => {
  t.ok(advisories.length > 20)
  for (const { ids, fixed } of advisories) {
    for (const id of ids)
      t.match(id, /^(?:GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}|CVE-20\d\d-\d{4,})$/u)
    for (const version of fixed) t.match(version, /^\d+\.\d+\.\d+$/u)
  }
  const rows = advisories.flatMap(({ ids, name }) => ids.map((id) => `${id} ${name}`))
  t.equal(new Set(rows).size, rows.length, 'none is there twice')
  t.same(faultsOf(advisories, packages), [])
  t.end()
})

t.test('a row that is no longer true is named', (t) => {
  const row = (name: string, fixed: string, answer = 'nothing') =>
    advisoriesIn(`\n## Advisories of dependencies\n| GHSA-a | ${name} | ${fixed} | ${answer} |\n`)
  const locked = {
    '': { version: '1.0.0' },
    'node_modules/a': { version: '3.1.10' },
    'node_modules/b/node_modules/a': { version: '4.0.2' },
    'node_modules/c': { version: '1.0.0', dev: true },
  } as const
  for (const [rows, expected] of [
    [row('a', '3.1.9, 4.0.2'), []],
    [row('a', '3.1.9'), []],
    [row('a', '3.1.11'), ['GHSA-a of a: 3.1.10 does not have the fix']],
    [row('a', '3.1.9, 4.1.0'), ['GHSA-a of a: 4.0.2 does not have the fix']],
    [row('a', '4.0.0'), ['GHSA-a of a: 3.1.10 does not have the fix']],
    [row('a', '3.1.9', ''), ['GHSA-a of a: no answer']],
    [row('c', '1.0.0'), ['GHSA-a of c: the package does not run in production']],
    [row('d', '1.0.0'), ['GHSA-a of d: the package does not run in production']],
  ] as const)
    t.same(faultsOf(rows, locked), expected)
  t.end()
})
