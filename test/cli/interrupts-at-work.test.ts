/**
 * Ctrl-C ends every command that is at work on much with 130. That it is at work is seen first: no interrupt comes
 * before.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { workspaceId } from '../../lab/personas.ts'
import { openAudit } from '../../src/audit/open.ts'
import { azureSink, chainDirectory, optionsOf, spoolDirectory } from '../audit/fixtures.ts'
import { SHIPPED } from '../policy/support.ts'
import { eventually } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

t.setTimeout(180_000)

const MAIN = 'src/main.ts'
const INTERRUPTED = 130
const CTRL_C = '\u0003'
const IDS = ['--identity', 'ml-reader', '--identity', 'ml-writer']

/** A spool of some hundred megabytes that takes the room of a few: many chains that are the same files. */
async function bigSpool(t: Test, big: string): Promise<string> {
  const directory = spoolDirectory(t)
  const audit = await openAudit(
    optionsOf(directory, azureSink('https://127.0.0.1:9'), {
      spool: { retentionSeconds: 3_600, segmentBytes: 262_144 },
    }),
  )
  await Promise.all(Array.from({ length: 3_000 }, () => audit.recorder.refused(exchangeOf())))
  await audit.close(1)
  const chain = chainDirectory(directory)
  for (let n = 0; n < 80; n += 1) {
    const copy = join(big, `chain-${n}`)
    mkdirSync(copy, { recursive: true })
    for (const name of readdirSync(chain)) {
      if (name.endsWith('.jsonl')) linkSync(join(chain, name), join(copy, name))
    }
  }
  return big
}

/** Policies with a case that asks very often, and bindings of very many. */
function bigPolicies(directory: string): string {
  spawnSync('cp', ['-r', SHIPPED, directory])
  const place = workspaceId().toLowerCase()
  writeFileSync(
    join(directory, 'bindings.yaml'),
    stringify({
      identities: ['ml-reader', 'ml-writer'],
      bindings: Array.from({ length: 300 }, (_, n) => ({
        id: `b-${n}`,
        template: 'reader',
        principal: `Group::"okta/g-${n}"`,
        resource: `Workspace::"${place}-${n}"`,
      })),
    }),
  )
  const does = Array.from({ length: 500 }, () => 'workspaces/jobs/read')
  const one = { who: 'somebody', does, decision: 'refuse' }
  writeFileSync(
    join(directory, 'many.tests.yaml'),
    stringify(
      {
        workspace: place,
        bindings: [],
        identities: ['ml-reader', 'ml-writer'],
        principals: { somebody: { id: 'okta/somebody' } },
        cases: Array.from({ length: 200 }, () => ({ ...one })),
      },
      { aliasDuplicateObjects: false },
    ),
  )
  return directory
}

/** Policies with so many bindings that it takes seconds to read them. */
function manyBindings(directory: string): string {
  spawnSync('cp', ['-r', SHIPPED, directory])
  const place = workspaceId().toLowerCase()
  const lines = Array.from(
    { length: 30_000 },
    (_, n) =>
      `  - { id: b-${n}, template: reader, principal: 'Group::"okta/g-${n}"', resource: 'Workspace::"${place}-${n}"' }\n`,
  )
  writeFileSync(
    join(directory, 'bindings.yaml'),
    `identities: [ml-reader, ml-writer]\nbindings:\n${lines.join('')}`,
  )
  return directory
}

/** Types Ctrl-C at a terminal once the command says how far it is. */
async function interruptAtWork(t: Test, args: readonly string[], progress: RegExp): Promise<void> {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  // tap has its own code in every process of node's by this variable, which answers signals in its place; results would
  // hide the line, and progress is on standard error
  const line = `exec env -u NODE_OPTIONS ${words} >/dev/null`
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let seen = ''
  const ended = once(child, 'close')
  let hasEnded = false
  void ended.then(() => (hasEnded = true))
  child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString('utf8')))
  await eventually(
    `it says how far it is: ${args.join(' ')}`,
    () => progress.test(seen) || hasEnded,
  )
  t.match(seen, progress)
  child.stdin.write(CTRL_C)
  const [status] = await ended
  t.equal(status, INTERRUPTED, seen.slice(-500))
  t.notMatch(seen, /\n\s+at /)
}

const hasTerminal = spawnSync('script', ['--version']).error === undefined
t.test(
  'a command that is at work on much says how long it takes, and ends',
  { skip: hasTerminal ? false : 'there is no script(1) on this system' },
  async (t) => {
    const root = t.testdir({ 'rows.json': '[]' })
    const rows = join(root, 'rows.json')
    const spool = await bigSpool(t, join(root, 'spool'))
    const policies = bigPolicies(join(root, 'policies'))
    const many = ['--policies', manyBindings(join(root, 'many')), ...IDS]
    const loading = /reading policies: \d+%, about \d+ (?:s|min) left/
    const reading = /reading records: \d+%, about \d+ (?:s|min) left/
    const cases: readonly (readonly [args: string[], progress: RegExp])[] = [
      [['audit', 'verify', spool], /checking records: \d+%, about \d+ (?:s|min) left/],
      [['audit', 'cat', spool], reading],
      [['audit', 'reconcile', spool, '--rows', rows], reading],
      [['policy', 'diff', SHIPPED, SHIPPED, '--replay', spool, ...IDS], reading],
      [
        ['policy', 'test', '--policies', policies, ...IDS],
        /running cases: \d+%, about \d+ (?:s|min) left/,
      ],
      [['policy', 'check', ...many], loading],
      [['policy', 'matrix', ...many], loading],
      [['policy', 'export', '--azure-role', ...many], loading],
      [['who-can', 'workspaces/jobs/read', '--on', workspaceId(), ...many], loading],
      [['policy', 'plan', SHIPPED, policies, ...IDS], /comparing: \d+%, about \d+ (?:s|min) left/],
    ]
    for (const [args, progress] of cases)
      await t.test(args.slice(0, 2).join(' '), (t) => interruptAtWork(t, args, progress))
  },
)
