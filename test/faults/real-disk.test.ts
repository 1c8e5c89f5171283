/**
 * A real small disk that fills, and one that turns read-only: a tmpfs in a mount namespace of its own.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
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
const probe = spawnSync('unshare', ['-m', 'true'])
const skip =
  probe.status === 0 ? false : 'mount namespaces are not permitted here (unshare -m failed)'

t.test(
  'a tmpfs that fills refuses requests, and goes on when there is room',
  { skip },
  async (t) => {
    const sink = await sinkServer(t)
    // nothing can be shipped, so nothing can be deleted
    let down = true
    sink.answer = (_, response) => {
      if (down) response.writeHead(503).end()
      return down
    }
    const base = spoolDirectory(t)
    const mount = `${base}/spool`
    mkdirSync(mount)
    const acknowledged = `${base}/acknowledged`
    const script =
      'mount -t tmpfs -o size=1536k,mode=700 tmpfs "$1" && ' +
      'dd if=/dev/zero of="$1/other" bs=1k count=512 status=none && exec "$2" "$3" "$1" "$4" "$5" 16'
    const victim = spawn(
      'unshare',
      ['-m', 'sh', '-c', script, 'sh', mount, process.execPath, child, sink.url, acknowledged],
      { stdio: 'ignore' },
    )
    const exited = once(victim, 'exit')
    const said = (): string[] =>
      existsSync(acknowledged) ? readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1) : []
    // the mount is only visible inside of the process's own namespace
    const inside = `/proc/${victim.pid}/root${mount}`
    await until(() => said().some((text) => text.startsWith('refused')))
    await until(() => !existsSync(`${inside}/reserve`))
    t.ok(existsSync(`${inside}/other`), 'the disk is full and its reserve released')
    const full = said().length

    // somebody makes room and the sink comes back
    spawnSync('nsenter', ['-t', String(victim.pid), '-m', 'rm', `${mount}/other`])
    down = false
    await until(() =>
      said()
        .slice(full)
        .some((text) => text.startsWith('authorized')),
    )
    t.pass('records are taken again without a restart')
    victim.kill('SIGSTOP')
    const copy = spoolDirectory(t)
    spawnSync('cp', ['-a', `${inside}/.`, copy])
    victim.kill('SIGKILL')
    await exited

    const rows = new Map([...sink.rows, ...rowsOf(copy)].map((row) => [row.EventUid, row] as const))
    const found = new Set(
      [...rows.values()].map((row) => `${row.RecordKind} ${String(row['ExchangeId'])}`),
    )
    const lost = said().filter((text) => /^(authorized|completed)/.test(text) && !found.has(text))
    t.same(lost, [], 'every acknowledged record is there')
    const audit = await openAudit(optionsOf(copy, azureSink(sink.url)))
    t.same(await audit.close(10_000), { unshipped: 0 }, 'what the disk held is shipped')
  },
)

t.test(
  'a disk that turns read-only fails closed, and recovers when it is writable',
  { skip },
  async (t) => {
    const sink = await sinkServer(t)
    const base = spoolDirectory(t)
    const mount = `${base}/spool`
    mkdirSync(mount)
    const acknowledged = `${base}/acknowledged`
    const victim = spawn(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        'mount -t tmpfs -o size=64m,mode=700 tmpfs "$1" && exec "$2" "$3" "$1" "$4" "$5" 4',
        'sh',
        mount,
        process.execPath,
        child,
        sink.url,
        acknowledged,
      ],
      { stdio: 'ignore' },
    )
    const exited = once(victim, 'exit')
    const said = (): string[] =>
      existsSync(acknowledged) ? readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1) : []
    await until(() => said().length > 20)
    const inNamespace = (script: string) =>
      spawnSync('nsenter', ['-t', String(victim.pid), '-m', 'sh', '-c', script, 'sh', mount])
    // Linux refuses to remount while a segment is open for writing; a read-only mount over it is what every later open sees
    // (a segment opened between the two commands makes the second one fail: then once more)
    inNamespace(
      'mount --bind "$1" "$1"; until mount -o remount,bind,ro "$1"; do umount -l "$1"; mount --bind "$1" "$1"; done',
    )
    await until(() => said().some((text) => text.startsWith('refused')))
    // lazily: the shipper may have a segment open through it
    inNamespace('umount -l "$1"')
    const before = said().length
    await until(() =>
      said()
        .slice(before)
        .some((text) => text.startsWith('completed')),
    )
    const inside = `/proc/${victim.pid}/root${mount}`
    victim.kill('SIGSTOP')
    const copy = spoolDirectory(t)
    spawnSync('cp', ['-a', `${inside}/.`, copy])
    victim.kill('SIGKILL')
    await exited
    const audit = await openAudit(optionsOf(copy, azureSink(sink.url)))
    await audit.close(5_000)
    t.equal(verifyChain(chainDirectory(copy)).broken, null)
  },
)
