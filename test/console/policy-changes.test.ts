/** When which policies came into force, by the API and on the page Policy, to those who may read policies. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Reviewing } from '../approvals/support.ts'
import { eventually } from '../support/eventually.ts'
import { HOME, signedIn } from './requests.ts'
import { startForPeople } from './support.ts'

t.setTimeout(120_000)
const CHANGES = '/_harness/api/policy/changes'
let reviewing: Reviewing

interface Changes {
  readonly more: boolean
  readonly value: readonly Readonly<Record<string, unknown>>[]
}

/** One more rule: the version changes with it. */
const rule = (id: string): string =>
  `@id("${id}")
@reason("nobody stops jobs")
forbid (principal, action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/cancel/action", resource);
`

t.before(async () => {
  reviewing = await startForPeople()
})
t.teardown(() => reviewing.close())

async function changes(persona: string, query = ''): Promise<Changes> {
  const answer = await reviewing.call(persona, 'GET', `${CHANGES}${query}`)
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`)
  return answer.json() as Changes
}

async function policyOf(persona: string): Promise<{ version: string; changes: string | null }> {
  const answer = await reviewing.call(persona, 'GET', '/_harness/api/policy')
  return answer.json() as { version: string; changes: string | null }
}

t.test('a reload is there: from which version to which, and when', async (t) => {
  const { version: before } = await policyOf('reader')
  t.match(await changes('reader'), {
    source: 'spool',
    complete: true,
    faults: [],
    more: false,
    value: [{ by: 'start', from: null, to: before, commit: null, replica: String }],
  })
  await reviewing.change({ 'stopping.cedar': rule('no-stopping') })
  // the policies are in force a moment before that is recorded
  const all = await eventually('the reload is recorded', async () => {
    const found = await changes('reader')
    return found.value.length > 1 ? found : undefined
  })
  const { version: after } = await policyOf('reader')
  t.not(after, before)
  t.match(all.value, [
    { by: 'reload', from: before, to: after },
    { by: 'start', from: null, to: before },
  ])
  t.ok(Date.parse(String(all.value[0]?.['at'])) <= Date.now())

  // who reads policies of one workspace is told no more than the versions
  t.same(
    (await changes('reviewer')).value,
    all.value.map(({ at, from, to, by }) => ({ at, from, to, by })),
  )
  const page = await (await signedIn(reviewing.world, 'reviewer')).get(`${HOME}/policy`)
  t.match(page.text, '<h2 id="changes">Changes</h2>')
  t.match(page.text, `<code title="${after}">`)
  t.match(page.text, `<code title="${before}">`)
  t.match(page.text, 'files changed')
  t.match(page.text, 'Records of this replica, since')
})

t.test('an answer is bounded, and says that there are more', async (t) => {
  t.match(await changes('reader', '?limit=1'), { more: true, value: [{ by: 'reload' }] })
  t.equal((await changes('reader', '?limit=1')).value.length, 1)
  t.match(await changes('reader', '?until=1h&since=2h'), { more: false, value: [] })
  for (const query of ['limit=0', 'limit=201', 'since=yesterday', 'since=93d', 'who=me'])
    t.match(await reviewing.call('reader', 'GET', `${CHANGES}?${query}`), {
      status: 400,
      code: 'bad_query',
    })
})

t.test('files that cannot be used change nothing, and are no change', async (t) => {
  const before = await changes('reader')
  const { version } = await policyOf('reader')
  await writeFile(join(reviewing.policies, 'stopping.cedar'), 'forbid this')
  await eventually('the failure is recorded', async () =>
    (await reviewing.world.allRecords()).some(
      ({ Event, Detail }) => Event === 'policy_reload' && /"kept"/u.test(JSON.stringify(Detail)),
    ),
  )
  t.same((await changes('reader')).value, before.value)
  t.equal((await policyOf('reader')).version, version)
})

t.test('who may not read policies is refused, and the page has no such part', async (t) => {
  const answer = await reviewing.call('scientist', 'GET', CHANGES)
  t.match(answer, { status: 403, code: 'policy_refused' })
  const [record] = await reviewing.world.settled(answer)
  t.match(record, { RecordKind: 'refused', RefusalCode: 'policy_refused' })
  const { version, changes: link } = await policyOf('scientist')
  t.equal(link, null)
  const page = await (await signedIn(reviewing.world, 'scientist')).get(`${HOME}/policy`)
  t.match(page, { status: 200 })
  t.match(page.text, version)
  t.notMatch(page.text, 'Changes</h2>')
  const refused = (await reviewing.world.allRecords()).filter(
    ({ RefusalCode: code }) => code === 'policy_refused',
  )
  t.equal(refused.length, 1, 'the page did not even ask')
})
