/**
 * The tests for daily work: those that start no process and take little time. `npm run test:quick` runs them.
 *
 * A test file decides itself, so that no list can rot. It is left out if it imports `node:child_process`, directly or
 * through a helper; if it asks for more time with `t.setTimeout`; and if it is one of test/faults, whose disks and
 * clocks wait by design. test/support/quick-limits.ts holds that what is left starts no process and is short.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const SPAWNS = 'node:child_process'
const LEFT_OUT = /^test\/faults\//

/** What a file imports when it runs: files by their path in the repository, packages by their name. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const statements = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\bfrom\s+)?'([^']+)'/gm
  const dynamic = /\bimport\(\s*'([^']+)'/g
  return [statements, dynamic]
    .flatMap((pattern) => [...text.matchAll(pattern)])
    .map(([, name = '']) =>
      name.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), name)) : name,
    )
}

const asksForTime = (file: string): boolean =>
  /\bt\.setTimeout\(/.test(readFileSync(join(ROOT, file), 'utf8'))

function spawns(file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false
  seen.add(file)
  return importsOf(file).some(
    (name) => name === SPAWNS || (/^(?:test|lab|bench)\/.*\.ts$/.test(name) && spawns(name, seen)),
  )
}

/** Files of tests, relative to the repository, in the order of their names. */
export function quickTests(): string[] {
  return readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file}`)
    .filter((file) => file.endsWith('.test.ts') && !LEFT_OUT.test(file))
    .filter((file) => !asksForTime(file) && !spawns(file, new Set()))
    .toSorted()
}

if (import.meta.main) console.log(quickTests().join('\n'))
