/** Bindings that begin and end, and those that have a file each. */
import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import { signatureOf } from '../../../src/policy/load/watch.ts'
import {
  endingWithin,
  isInForce,
  isWithin,
  readInstant,
  spanAround,
} from '../../../src/policy/load/period.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { createLivePolicy } from '../../../src/policy/reload.ts'
import { periodNotes, withoutEnd } from '../../../src/policy/review/periods.ts'
import { faultsOf, operation, principal, writePolicies, WS } from '../support.ts'

const TEMPLATE =
  '@id("reader") @reason("read") @identity("ml-reader") permit (principal in ?principal, action, resource in ?resource);'
const ALICE = 'User::"entra/t/alice"'
const alice = principal({ id: 'entra/t/alice' })
const job = operation('workspaces/jobs/read')
const START = Date.parse('2027-01-01T00:00:00Z')
const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString()

function binding(given: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    template: 'reader',
    principal: ALICE,
    resource: `Workspace::"${WS}"`,
    ...given,
  })
}

async function files(t: Test, given: Readonly<Record<string, string>>) {
  return writePolicies(t, { 'templates/reader.cedar': TEMPLATE, ...given })
}

t.test('an instant has a zone and exists', async (t) => {
  t.equal(readInstant('2027-01-01T00:00:00Z'), START)
  t.equal(readInstant('2027-01-01T01:00:00+01:00'), START)
  t.equal(readInstant('2028-02-29T00:00:00z'), Date.parse('2028-02-29T00:00:00Z'))
  for (const text of ['2027-01-01', '2027-01-01T00:00:00', '2027-01-01 00:00'])
    t.same(readInstant(text), { fault: `"${text}" has no time zone` })
  for (const text of ['2027-02-29T00:00:00Z', '2027-13-01T00:00:00Z', '2027-01-01T24:00:00Z'])
    t.same(readInstant(text), { fault: `"${text}" does not exist` })
  for (const text of ['tomorrow', '', '2027-01-01T00:00:00Z ', '1798761600'])
    t.same(readInstant(text), { fault: `"${text}" is not an instant` })
})

t.test('within a span the same bindings are in force, and at its edges others', async (t) => {
  const instant = fc.option(fc.integer({ min: -20, max: 20 }))
  const periods = fc.array(fc.record({ from: instant, until: instant }), { maxLength: 8 })
  fc.assert(
    fc.property(periods, fc.integer({ min: -25, max: 25 }), (all, now) => {
      const span = spanAround(all, now)
      const inForce = (time: number) => all.map((one) => isInForce(one, time)).join()
      t.equal(isWithin(span, now), true)
      for (let time = -26; time <= 26; time += 1)
        if (isWithin(span, time) && inForce(time) !== inForce(now)) return false
      return true
    }),
  )
})

t.test('a binding of its own file is as good as one of the list', async (t) => {
  const options = await files(t, {
    'bindings.d/alice-reads.yaml': binding({
      reason: 'churn model, first quarter',
      ticket: 'ML-482',
      requestedBy: 'entra/t/alice',
    }),
  })
  const set = await loadPolicy(options)
  t.match(set.bindings.bindings, [
    { id: 'alice-reads', file: 'bindings.d/alice-reads.yaml', line: 1, ticket: 'ML-482' },
  ])
  t.ok(set.rules.has('reader@alice-reads'))

  const before = await signatureOf(options)
  const { directory } = options
  await writeFile(join(directory, 'bindings.d', 'bob.yaml'), binding({ shadow: true }))
  t.not(await signatureOf(options), before, 'a new file is noticed')
  const more = await loadPolicy(options)
  t.not(more.version, set.version, 'and is part of the version')
  t.equal(more.bindings.bindings.length, 2)
})

t.test('what is wrong with a file is named, and nothing is left out in silence', async (t) => {
  const cases: readonly (readonly [name: string, text: string, message: RegExp])[] = [
    ['a.yaml', binding({ id: 'a' }), /the id is the file's name, "a"/],
    ['A_b.yaml', binding(), /"A_b" is not a binding's name/],
    ['a.yml', binding(), /is not read/],
    ['a.yaml', '[]', /a binding is a mapping/],
    ['a.yaml', binding({ template: 'raeder' }), /unknown template "raeder"/],
    ['a.yaml', binding({ untill: at(0) }), /unknown key "untill"/],
    ['a.yaml', binding({ until: '2027-01-01' }), /"2027-01-01" has no time zone/],
    ['a.yaml', binding({ until: 1798761600 }), /"until" is not an instant/],
    ['a.yaml', binding({ from: at(5), until: at(5) }), /"until" is not after "from"/],
    ['a.yaml', binding({ reason: 'two\nlines' }), /"reason" is one line/],
    ['a.yaml', binding({ ticket: 7 }), /"ticket" is one line/],
    ['a.yaml', `{ template: &one reader, ticket: *one }`, /"\*one" is an alias of YAML's/],
    ['a.yaml', `${binding()}\n---\n${binding()}`, /the file has more than one document/],
    ['a.yaml', `${binding()}]`, /^[^\n]*[^:\d]$/],
    ['listed.yaml', binding(), /binding "listed" is in bindings.yaml:1, too/],
  ]
  for (const [name, text, message] of cases) {
    const listed = binding({ id: 'listed' })
    const options = await files(t, {
      'bindings.yaml': `bindings: [${listed}]`,
      [`bindings.d/${name}`]: text,
    })
    const faults = await faultsOf(options)
    t.equal(faults.length, 1, `${name} ${text}`)
    t.match(faults[0], { file: `bindings.d/${name}`, message })
  }
})

t.test('what is no file, or would be left out, is named and waits for nobody', async (t) => {
  const options = await files(t, {})
  const folder = join(options.directory, 'bindings.d')
  await mkdir(join(folder, 'team'), { recursive: true })
  await mkdir(join(folder, 'folder.yaml'))
  await mkdir(join(folder, '..data'))
  await symlink('/nowhere', join(folder, 'dangling.yaml'))
  await symlink('loop.yaml', join(folder, 'loop.yaml'))
  execFileSync('mkfifo', [join(folder, 'pipe.yaml'), join(options.directory, 'pipe.cedar')])
  const faults = (await faultsOf(options)).map(({ file, message }) => `${file}: ${message}`)
  t.same(faults.sort(), [
    'bindings.d/dangling.yaml: does not exist',
    'bindings.d/folder.yaml: is a directory',
    'bindings.d/loop.yaml: is a link that leads to itself',
    'bindings.d/pipe.yaml: is neither a file nor a link to one',
    'bindings.d/team: is not read',
    'pipe.cedar: is neither a file nor a link to one',
  ])
})

t.test('groups and workspaces have names that a reviewer can read', async (t) => {
  const names = `groups: { scientists: entra/t/g }\nworkspaces: { lab: ${WS} }\n`
  const named = binding({ principal: 'Group::"scientists"', resource: 'Workspace::"lab"' })
  const options = await files(t, {
    'bindings.yaml': `${names}bindings: []`,
    'bindings.d/a.yaml': named,
  })
  const set = await loadPolicy(options)
  t.match(set.bindings.bindings, [
    { principal: { type: 'Group', id: 'entra/t/g' }, resource: { type: 'Workspace', id: WS } },
  ])

  const cases: readonly (readonly [text: string, message: RegExp, suggestion?: RegExp])[] = [
    [`${names}bindings: []`, /no Group is called "scientist"/, /did you mean "scientists"/],
    [`groups: { "A/b": entra/t/g, scientist: entra/t/g }\nbindings: []`, /"A\/b" is not a name/],
    [`groups: { scientist: g }\nbindings: []`, /"g" is not a principal's id/],
    [`groups: { scientist: 1 }\nbindings: []`, /"" is not a principal's id/],
    [`groups: [scientist]\nbindings: []`, /"groups" is a mapping/],
    [`groups: { scientist: entra/t/g }\nworkspaces: { lab: x }\nbindings: []`, /not the ARM id/],
  ]
  for (const [text, message, suggestion] of cases) {
    const faulty = await files(t, {
      'bindings.yaml': text,
      'bindings.d/a.yaml': binding({ principal: 'Group::"scientist"' }),
    })
    const faults = await faultsOf(faulty)
    t.match(faults[0], { message, ...(suggestion === undefined ? {} : { suggestion }) }, text)
  }
})

t.test('a binding begins and ends at the instant, whatever was decided before', async (t) => {
  let now = START
  const options = await files(t, {
    'bindings.d/shift.yaml': binding({ from: at(10), until: at(20) }),
  })
  const live = await createLivePolicy({ ...options, now: () => now })
  const permitted = () => live.decide(alice, job, {}).permit !== null
  const { version } = live.current()
  const seen: boolean[] = []
  for (const ms of [0, 9_999, 10_000, 19_999, 20_000, 30_000, 15_000, 20_000]) {
    now = START + ms
    seen.push(permitted())
  }
  t.same(seen, [false, false, true, true, false, false, true, false], 'also if the clock is set')
  t.equal(live.current().version, version, 'the version is that of the files')
  t.equal(live.current().bindings.bindings.length, 0)
  t.equal(live.current().written.bindings.bindings.length, 1)
  t.match(live.turns(), { began: [{}, {}], ended: [{}, {}], next: null })
  t.same(live.turns(), { began: [], ended: [], next: null }, 'each is told once')
})

t.test('reloads and the clock race, and each end is told once', async (t) => {
  let now = START
  const end = (seconds: number) => binding({ until: at(seconds) })
  const options = await files(t, { 'bindings.d/a.yaml': end(10) })
  const live = await createLivePolicy({ ...options, now: () => now })
  const ended: string[] = []
  const look = () => {
    const turns = live.turns()
    t.same(turns.began, [])
    ended.push(...turns.ended.map(({ id }) => id))
  }
  await mkdir(join(options.directory, 'bindings.d'), { recursive: true })
  for (let round = 1; round <= 30; round += 1) {
    // the end of the one in force falls into the reload
    await writeFile(join(options.directory, 'bindings.d', 'a.yaml'), end(10 + round * 10))
    now = START + round * 10_000 - 1
    const reloading = live.reload()
    for (let turn = 0; turn < round % 7; turn += 1) await new Promise(setImmediate)
    now += 1
    const before = live.decide(alice, job, {}).permit !== null
    await reloading
    const after = live.decide(alice, job, {}).permit !== null
    t.equal(after, true, 'the new end is in force')
    look()
    t.ok(ended.length <= round && (before || ended.length > 0))
  }
  now = START + 400_000
  t.equal(live.decide(alice, job, {}).permit, null)
  look()
  t.equal(ended.at(-1), 'a')
})

t.test('what ends soon, has ended or lasts for long is noted', async (t) => {
  const day = 86_400
  const options = await files(t, {
    'bindings.d/soon.yaml': binding({ until: at(3 * day + 60) }),
    'bindings.d/gone.yaml': binding({ until: at(0) }),
    'bindings.d/later.yaml': binding({ from: at(day) }),
    'bindings.d/long.yaml': binding({ until: at(400 * day) }),
    'bindings.d/month.yaml': binding({ until: at(30 * day) }),
    'bindings.d/group.yaml': binding({ principal: 'Group::"entra/t/g"' }),
  })
  const set = await loadPolicy({ ...options, now: () => START })
  const notes = periodNotes(set, START).map(({ policy, text }) => `${policy} ${text}`)
  t.match(notes, [
    /^binding gone ended at 2027-01-01T00:00:00.000Z: it can be deleted$/,
    /^binding later begins at/,
    /^binding long ends in more than a year/,
    /^binding soon ends in 3 days, at/,
  ])
  t.same(
    endingWithin(set.bindings.bindings, 31, START).map(({ id }) => id),
    ['soon', 'month'],
    'the first to end first',
  )
  t.same(
    withoutEnd(set).map(({ id }) => id),
    ['later'],
    'a group may stay',
  )
})
