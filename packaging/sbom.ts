/**
 * Prints the software bill of materials of what runs in production, as CycloneDX: `npm run sbom > sbom.json`.
 *
 * `npm sbom --omit dev` leaves out what packages for development need, too, such as jose. So npm is given the lock file
 * without all that is for development alone.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Package {
  readonly dev?: true
  readonly devOptional?: true
}

interface Manifest {
  readonly devDependencies?: unknown
}

interface Lock {
  readonly packages: Readonly<Record<string, Package & Manifest>>
}

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')

function ofProduction(manifest: Manifest): Manifest {
  return { ...manifest, devDependencies: {} }
}

function print(): number {
  const lock = JSON.parse(read('package-lock.json')) as Lock
  const packages = Object.entries(lock.packages)
    .filter(([, { dev, devOptional }]) => dev !== true && devOptional !== true)
    .map(([path, one]) => [path, path === '' ? ofProduction(one) : one])
  const folder = mkdtempSync(join(tmpdir(), 'azureml-harness-sbom-'))
  try {
    const manifest = ofProduction(JSON.parse(read('package.json')) as Manifest)
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    const text = JSON.stringify({ ...lock, packages: Object.fromEntries(packages) })
    writeFileSync(join(folder, 'package-lock.json'), text)
    const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx']
    return spawnSync('npm', args, { cwd: folder, stdio: 'inherit' }).status ?? 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

process.exitCode = print()
