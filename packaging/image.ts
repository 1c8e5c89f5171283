/**
 * Builds and pushes the image of a release: `npm run build:image -- TAG [BASE@sha256:DIGEST]`.
 *
 * A tag of a base image is another image tomorrow. So it is named by its digest as well, which Docker checks what it gets
 * against; without one nothing is built. The Dockerfile names one; another can be given, such as one of a mirror.
 * Provenance and bill of materials are attached to the image.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** The tag says to people what the digest is of; both have to be there. */
const PINNED = /^(?:[\w.-]+(?::\d+)?\/)*node:24(?:\.\d+)*-[\w.-]+@sha256:[0-9a-f]{64}$/

/** What the Dockerfile is built on unless another is given; empty if it names none. */
function ownBase(): string {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  return /^ARG NODE_IMAGE=(\S+)$/m.exec(text)?.[1] ?? ''
}

function build([tag, base = ownBase(), ...more]: readonly string[]): number {
  if (tag === undefined || more.length > 0 || tag.startsWith('-')) {
    console.error('usage: npm run build:image -- TAG [BASE@sha256:DIGEST]')
    return 2
  }
  if (!PINNED.test(base)) {
    console.error(
      `the base image "${base}" is not named by tag and digest, as in node:24-bookworm-slim@sha256:DIGEST (64 digits)`,
    )
    return 1
  }
  const how = ['--pull', '--push', '--provenance=true', '--sbom=true', '--target', 'gateway']
  const args = ['buildx', 'build', ...how, '--build-arg', `NODE_IMAGE=${base}`, '--tag', tag, '.']
  const { status, error } = spawnSync('docker', args, { cwd: ROOT, stdio: 'inherit' })
  if (error !== undefined) console.error(`docker cannot be run: ${error.message}`)
  return status ?? 1
}

process.exitCode = build(process.argv.slice(2))
