/** The image of a release is built on a base that is named by its digest, and on no other. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`
const DOCKERFILE = readFileSync('Dockerfile', 'utf8')
const TAG = 'registry.example/azureml-harness:1.2.3'

/** Runs the script with a `docker` that writes down what it was asked. */
function run(folder: string, args: readonly string[], status = 0) {
  const asked = join(folder, 'asked')
  const docker = join(folder, 'docker')
  writeFileSync(docker, `#!/bin/sh\nprintf '%s\\n' "$@" >'${asked}'\nexit ${status}\n`)
  chmodSync(docker, 0o755)
  const ran = spawnSync(process.execPath, ['packaging/image.ts', ...args], {
    env: { ...process.env, PATH: `${folder}:${process.env['PATH']}` },
    encoding: 'utf8',
  })
  const words = existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : null
  return { ...ran, words }
}

t.test('with a digest it is built on that, for the stage that runs, and pushed', (t) => {
  for (const base of [
    `node:24-bookworm-slim@${DIGEST}`,
    `docker.io/library/node:24.11.1-bookworm-slim@${DIGEST}`,
    `mirror.example:5000/library/node:24-trixie-slim@${DIGEST}`,
  ]) {
    const { status, words, stderr } = run(t.testdir(), [TAG, base])
    t.equal(status, 0, stderr)
    t.ok(words?.includes(`NODE_IMAGE=${base}`), base)
    for (const word of ['--push', '--provenance=true', '--sbom=true', '--target', 'gateway', TAG])
      t.ok(words?.includes(word), word)
  }
  t.end()
})

t.test('without one nothing is built', (t) => {
  for (const base of [
    'node:24-bookworm-slim',
    'node:24-bookworm-slim@sha256:',
    `node:24-bookworm-slim@${DIGEST.slice(0, -1)}`,
    `node:24-bookworm-slim@${DIGEST}0`,
    `node:24-bookworm-slim@${DIGEST.toUpperCase()}`,
    `node@${DIGEST}`,
    `node:22-bookworm-slim@${DIGEST}`,
    `nodes:24-bookworm-slim@${DIGEST}`,
    `node:24-bookworm-slim@${DIGEST} --build-arg=A=b`,
    '',
  ]) {
    const { status, words, stderr } = run(t.testdir(), [TAG, base])
    t.equal(status, 1, base)
    t.match(stderr, `the base image "${base}" is not named by tag and digest`)
    t.equal(words, null, 'Docker is not run')
  }
  for (const args of [[], [TAG, 'a', 'b'], ['--push', `node:24-slim@${DIGEST}`]])
    t.equal(run(t.testdir(), args).status, 2)
  t.end()
})

t.test('a build that fails is a failure', (t) => {
  t.equal(run(t.testdir(), [TAG, `node:24-bookworm-slim@${DIGEST}`], 3).status, 3)
  t.end()
})

t.test('the Dockerfile names a digest, of the Node that the tests run with', (t) => {
  const [, base = ''] = /^ARG NODE_IMAGE=(\S+)$/mu.exec(DOCKERFILE) ?? []
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Readonly<Record<string, { readonly version: string }>>
  }
  const { version } = packages['node_modules/node'] ?? {}
  t.match(base, new RegExp(`^node:${version}-[a-z]+-slim@sha256:[0-9a-f]{64}$`, 'u'))
  const { status, words, stderr } = run(t.testdir(), [TAG])
  t.equal(status, 0, stderr)
  t.ok(words?.includes(`NODE_IMAGE=${base}`), 'it is what is built on if no other is given')
  t.end()
})

t.test('every stage of the Dockerfile is built on that image', (t) => {
  const text = DOCKERFILE
  const bases = [...text.matchAll(/^FROM (\S+)/gmu)].map(([, base]) => base)
  t.ok(bases.length >= 3)
  t.same([...new Set(bases)], ['${NODE_IMAGE}'])
  t.notMatch(text, /^COPY --from=\S*[:/]/mu, 'nothing is copied from another image')
  t.end()
})
