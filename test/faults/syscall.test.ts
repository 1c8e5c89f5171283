/**
 * System calls that fail under a running process: the kernel's own answer is replaced, by strace.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import {
  azureSink,
  chainDirectory,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { openAudit } from '../../src/audit/open.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import { until } from '../support/eventually.ts'

const child = resolve(import.meta.dirname, 'writer-process.ts')
const probe = spawnSync('strace', ['-qq', '-o', '/dev/null', '-e', 'trace=none', 'true'])
const skip = probe.status === 0 ? false : 'strace is not installed or not permitted here'

for (const [call, code] of [
  ['fdatasync', 'EIO'],
  ['pwrite64', 'EIO'],
  ['pwrite64', 'ENOSPC'],
] as const) {
  t.test(
    `${call} that answers ${code} now and then loses no acknowledged record`,
    { skip },
    async (t) => {
      const sink = await sinkServer(t)
      const directory = spoolDirectory(t)
      const acknowledged = `${spoolDirectory(t)}/acknowledged`
      const said = (): string[] =>
        existsSync(acknowledged) ? readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1) : []
      const victim = spawn(
        'strace',
        [
          '-f',
          '-qq',
          '-o',
          '/dev/null',
          '-e',
          `trace=${call}`,
          '-e',
          `inject=${call}:error=${code}:when=20+60`,
          process.execPath,
          child,
          directory,
          sink.url,
          acknowledged,
          '8',
        ],
        { stdio: 'ignore' },
      )
      const exited = once(victim, 'exit')
      const refused = () => said().filter((text) => text.startsWith('refused')).length
      await until(() => refused() > 0)
      const before = said().length
      await until(() =>
        said()
          .slice(before)
          .some((text) => text.startsWith('completed')),
      )
      // killing strace alone would leave its child running
      const owner = /"pid":(\d+)/.exec(readFileSync(`${directory}/lock`, 'utf8'))?.[1]
      process.kill(Number(owner), 'SIGKILL')
      await exited

      const audit = await openAudit(
        optionsOf(directory, azureSink(sink.url), { spool: { retentionSeconds: 3_600 } }),
      )
      t.same(await audit.close(20_000), { unshipped: 0 })
      const found = new Set(
        [...sink.rows, ...rowsOf(directory)].map(
          (row) => `${row.RecordKind} ${String(row['ExchangeId'])}`,
        ),
      )
      const records = said().filter((text) => /^(authorized|completed) /.test(text))
      t.comment(`${records.length} acknowledged, ${refused()} refused`)
      t.same(
        records.filter((record) => !found.has(record)),
        [],
      )
      t.equal(verifyChain(chainDirectory(directory)).broken, null)
    },
  )
}
