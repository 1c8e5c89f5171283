/** A spool that cannot be written: promise 3, through the whole gateway, on real disks that are full, read-only or gone. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t, { type Test as Checks } from 'tap'
import { readSpool, startGateway, type Row, type World } from '../support/gateway.ts'
import { openIntents, seenUpstream, withMetrics } from '../support/trail.ts'
import type { Test } from '../audit/fixtures.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'

const probe = spawnSync('unshare', ['-m', 'true'])
const skip =
  probe.status === 0 ? false : 'mount namespaces are not permitted here (unshare -m failed)'
const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`

interface Small {
  readonly world: World
  /** Runs a shell script in the gateway's mount namespace; `$1` is the spool. */
  inside(script: string): void
  put(): Promise<{ status: number; code: string; retryAfter: string | undefined }>
  get(): Promise<{ status: number; code: string }>
  ready(): Promise<number>
  /** What operators are told of it. */
  why(): Promise<string>
  spool(): ReturnType<typeof readSpool>
}

/** A gateway whose spool is a tmpfs of its own. */
async function onSmallDisk(t: Test, size: string): Promise<Small> {
  const mount = mkdtempSync(`${tmpdir()}/harness-small-disk-`)
  const script = `mount -t tmpfs -o size=${size},mode=700 tmpfs "$1" && shift && exec "$@"`
  const operatorsPort = await freePort()
  const world = await startGateway({
    gateway: {
      spool: mount,
      wrap: ['unshare', '-m', 'sh', '-c', script, 'sh', mount],
      change: (config) => ({
        ...withMetrics(operatorsPort)(config),
        audit: { ...config.audit, spool: { ...config.audit.spool, segmentBytes: 65_536 } },
      }),
    },
  })
  t.teardown(async () => {
    await world.close()
    rmSync(mount, { recursive: true, force: true })
  })
  const token = await world.lab.token('scientist')
  const headers = { authorization: `Bearer ${token}` }
  return {
    world,
    inside(commands) {
      const args = ['-t', String(world.gateway.pid), '-m', 'sh', '-c', commands, 'sh', mount]
      const { status, stderr } = spawnSync('nsenter', args)
      if (status !== 0) throw new Error(stderr.toString('utf8'))
    },
    async put() {
      const answer = await world.send(JOB, {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{"properties":{"jobType":"Command"}}',
      })
      return { status: answer.status, code: answer.code, retryAfter: answer.headers['retry-after'] }
    },
    async get() {
      const { status, code } = await world.send(JOB, { headers })
      return { status, code }
    },
    ready: async () => (await world.send('/_harness/readyz')).status,
    why: async () => (await fetch(`http://127.0.0.1:${operatorsPort}/readyz`)).text(),
    // the mount is there for the gateway alone
    spool: () => readSpool(`/proc/${world.gateway.pid}/root${mount}`),
  }
}

/** Nothing is served, nothing reaches azure, and the gateway says that it is not ready. */
async function checkClosed(t: Checks, disk: Small): Promise<void> {
  await eventually('unready', async () => (await disk.ready()) === 503)
  await disk.world.clear()
  for (let round = 0; round < 5; round += 1) {
    const change = await disk.put()
    t.equal(change.status, 503)
    t.equal(change.code, 'audit_unavailable')
    t.match(change.retryAfter, /^\d+$/)
    t.equal(disk.world.lab.requests().length, 0, 'nothing is forwarded')
    t.match(await disk.get(), { status: 503, code: 'audit_unavailable' })
  }
  const anonymous = await disk.world.send(JOB)
  t.equal(anonymous.status, 503, 'not even a refusal is given that cannot be recorded')
  t.equal(anonymous.code, 'audit_unavailable')
}

async function checkOpen(t: Checks, disk: Small, before: number): Promise<void> {
  await eventually('ready again', async () => (await disk.ready()) === 200)
  await disk.world.clear()
  t.ok((await disk.put()).status < 300, 'changes are served again, without a restart')
  t.equal((await disk.get()).status, 200)
  await eventually('all ends', async () => openIntents(await disk.spool()).length === 0)
  const rows = await disk.spool()
  const intents = new Set(
    rows.filter((row) => row['RecordKind'] === 'authorized').map((row) => row['ExchangeId']),
  )
  t.same(
    [...seenUpstream(disk.world)].filter((id) => !intents.has(id)),
    [],
  )
  const events = rows.filter((row) => row['RecordKind'] === 'gateway').map((row) => row['Event'])
  t.ok(events.includes('audit_ready') || events.includes('spool_recovered'), events.join())
  t.ok(rows.length > before)
}

t.test(
  'promise 3: a full disk refuses, says so, forwards nothing, and goes on when there is room (promise 21: both on record)',
  { skip },
  async (t) => {
    const disk = await onSmallDisk(t, '1536k')
    t.ok((await disk.put()).status < 300)
    const before = (await disk.spool()).length
    disk.inside('dd if=/dev/zero of="$1/other" bs=1k count=99999 2>/dev/null; true')
    // what is left of the last page takes a record or two
    await eventually('refused', async () => (await disk.put()).status === 503)
    await checkClosed(t, disk)
    disk.inside('rm "$1/other"')
    await checkOpen(t, disk, before)
    const events = (await disk.spool()).map((row) => row['Event'])
    t.ok(events.includes('audit_degraded'), 'that it was closed is on record')
    t.ok(events.includes('audit_ready'), 'and that it is open')
  },
)

t.test(
  'promise 3: a disk that turns read-only refuses, and goes on when it can be written',
  { skip },
  async (t) => {
    const disk = await onSmallDisk(t, '64m')
    t.ok((await disk.put()).status < 300)
    const before = (await disk.spool()).length
    // what is open stays writable: the next segment is refused, as after a remount upon errors
    disk.inside(
      'mount --bind "$1" "$1"; until mount -o remount,bind,ro "$1"; do umount -l "$1"; mount --bind "$1" "$1"; done',
    )
    await eventually('refused', async () => (await disk.put()).status === 503)
    await checkClosed(t, disk)
    disk.inside('umount -l "$1"')
    await checkOpen(t, disk, before)
  },
)

t.test(
  'promise 3: a spool that is removed under load refuses, is begun anew, and says that records are missing',
  { skip },
  async (t) => {
    const disk = await onSmallDisk(t, '64m')
    t.ok((await disk.put()).status < 300)
    await disk.world.clear()
    const before = seenUpstream(disk.world)
    const stop = new AbortController()
    let refused = 0
    const load = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) if ((await disk.put()).status === 503) refused += 1
    })
    disk.inside('rm -rf "$1"/*')
    const lost = async (): Promise<Row | undefined> =>
      (await disk.spool().catch(() => [])).find((row) => row['Event'] === 'spool_lost')
    await eventually('it is on record', async () => (await lost()) !== undefined)
    stop.abort()
    await Promise.all(load)
    t.ok(refused > 0, 'no change was served that could not be recorded')
    const detail = (await lost())?.['Detail'] as { lastSeq: number } | undefined
    const last = detail?.lastSeq ?? NaN
    await eventually('ready again', async () => (await disk.ready()) === 200)
    t.ok((await disk.put()).status < 300, 'without a restart')
    await eventually('all ends', async () => openIntents(await disk.spool()).length === 0)
    const rows = await disk.spool()
    t.equal(rows[0]?.['Seq'], last + 1, 'the chain goes on behind what was lost')
    t.equal(seenUpstream(disk.world).size > before.size, true)

    const chain = `/proc/${disk.world.gateway.pid}/root${disk.world.gateway.config.audit.spool.directory}`
    const verify = spawnSync(process.execPath, ['src/main.ts', 'audit', 'verify', chain])
    t.equal(verify.status, 1, 'audit verify does not call that whole')
    t.match(String(verify.stdout) + String(verify.stderr), `records 1 to ${last} are missing`)
    // every change after the loss was on record before azure saw it
    const intents = new Set(
      rows.filter((row) => row['RecordKind'] === 'authorized').map((row) => row['ExchangeId']),
    )
    const sunk = (): Set<unknown> =>
      new Set(disk.world.lab.ingestion.rows().map((row) => row['ExchangeId']))
    const skipped = rows.find((row) => row['Event'] === 'sink_skipped')
    await eventually('the rest is at the sink', () =>
      disk.world.lab.ingestion.rows().some((row) => row['Seq'] === rows.at(-1)?.['Seq']),
    )
    if (skipped === undefined) {
      const missing = [...seenUpstream(disk.world)].filter(
        (id) => !intents.has(id) && !sunk().has(id),
      )
      t.same(missing, [], 'what azure saw is in the spool or at the sink')
    } else t.comment(`lost before they were shipped: ${JSON.stringify(skipped['Detail'])}`)
  },
)

t.test(
  'promise 3: a spool whose disk is unmounted is not begun anew on the disk below it',
  { skip },
  async (t) => {
    const disk = await onSmallDisk(t, '64m')
    t.ok((await disk.put()).status < 300)
    disk.inside('umount -l "$1"')
    await checkClosed(t, disk)
    t.match(await disk.why(), /not on the disk that it was on: mount that again, or restart/)
    const told = await disk.world.send('/_harness/readyz')
    t.equal(told.text, '{"status":"unready"}', 'callers are not told why')
    t.same(readdirSync(disk.world.gateway.config.audit.spool.directory), [])
    // a stop would wait for records that nobody can read any more
    await disk.world.gateway.kill()
  },
)
