/**
 * The promises of the audit trail, and where each is shown.
 *
 * Those marked `gateway` need the whole gateway besides: `gateway-*.test.ts`, whose tests name the promise as
 * `promise N`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'

interface Promised {
  readonly number: number
  readonly text: string
  readonly files: readonly string[]
  readonly gateway?: true
}

const root = resolve(import.meta.dirname, '../..')
const PROMISES: readonly Promised[] = [
  {
    number: 1,
    text: 'no upstream byte before its record is durable',
    files: ['faults/spool-disk'],
    gateway: true,
  },
  {
    number: 2,
    text: 'a record for every request that reaches the port',
    files: ['audit/open'],
    gateway: true,
  },
  {
    number: 3,
    text: 'cannot record: 503, never 2xx',
    files: ['faults/spool-disk', 'faults/real-disk', 'faults/spool-gone', 'faults/owed'],
    gateway: true,
  },
  { number: 4, text: 'a short write is never acknowledged', files: ['faults/spool-disk'] },
  {
    number: 5,
    text: 'a failed sync poisons the segment',
    files: ['faults/spool-disk', 'faults/syscall'],
  },
  {
    number: 6,
    text: 'kill -9 loses no acknowledged record',
    files: ['faults/kill'],
    gateway: true,
  },
  { number: 7, text: 'torn tails are repaired and declared', files: ['faults/spool-tail'] },
  { number: 8, text: 'every intent gets an outcome', files: ['faults/spool-tail', 'faults/kill'] },
  {
    number: 9,
    text: 'edits, insertions, deletions and reordering are found',
    files: ['audit/inspect/verify'],
  },
  { number: 10, text: 'a cut tail is found by what was shipped', files: ['audit/inspect/verify'] },
  {
    number: 11,
    text: 'at least once, and once by EventUid',
    files: ['faults/sink', 'faults/spool-tail'],
    gateway: true,
  },
  {
    number: 12,
    text: 'no row is dropped on a sink error',
    files: ['faults/sink', 'audit/ship/sinks/sinks', 'audit/ship/sinks/syslog'],
    gateway: true,
  },
  {
    number: 13,
    text: 'a poison row blocks nothing and is on record',
    files: ['faults/sink'],
    gateway: true,
  },
  {
    number: 14,
    text: 'an outage costs disk, limits fail closed and recover',
    files: ['faults/sink'],
  },
  {
    number: 15,
    text: 'what has begun can end on a full disk',
    files: ['faults/spool-disk', 'faults/real-disk'],
  },
  {
    number: 16,
    text: 'no secret in any record',
    files: ['audit/record/row', 'faults/sink'],
    gateway: true,
  },
  { number: 17, text: 'records cannot be forged by content', files: ['audit/record/row'] },
  { number: 18, text: 'the principal is immutable and complete', files: ['audit/record/row'] },
  { number: 19, text: 'order is by number and a monotonic clock', files: ['faults/clock'] },
  {
    number: 20,
    text: 'a graceful stop ships or counts everything',
    files: ['faults/sink', 'audit/open'],
    gateway: true,
  },
  {
    number: 21,
    text: 'start, stop, degraded mode and recovery are records',
    files: ['faults/life', 'faults/spool-tail'],
  },
  { number: 22, text: 'Azure stored what it accepted', files: ['audit/inspect/verify'] },
  {
    number: 23,
    text: 'the trail cannot be switched off by leaving something out',
    files: ['audit/open'],
  },
  { number: 24, text: 'added latency stays in budget', files: ['faults/latency'] },
]

t.test('the promises are 1 to 24', async (t) => {
  t.same(
    PROMISES.map(({ number }) => number),
    Array.from({ length: 24 }, (_, index) => index + 1),
  )
})

const gatewayTexts = readdirSync(import.meta.dirname)
  .filter((name) => /^gateway-.*\.test\.ts$/.test(name))
  .map((name) => readFileSync(`${import.meta.dirname}/${name}`, 'utf8'))

for (const { number, text, files, gateway } of PROMISES) {
  t.test(`promise ${number}: ${text}`, async (t) => {
    t.ok(files.length > 0)
    for (const file of files) {
      const path = `${root}/test/${file}.test.ts`
      t.ok(existsSync(path), file)
      t.match(readFileSync(path, 'utf8'), /t\.test\(/)
    }
    if (gateway !== true) return
    const shown = gatewayTexts.some((content) =>
      new RegExp(`\\bpromise ${number}\\b`).test(content),
    )
    t.ok(shown, 'through the whole gateway')
  })
}
