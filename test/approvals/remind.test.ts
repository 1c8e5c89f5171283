/** Reminders: at most one an hour, also while one is under way; and none where nobody would be told. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createDirectoryLedger } from '../../src/approvals/ledger/directory.ts'
import { createSignatures } from '../../src/approvals/signatures.ts'
import { createStore } from '../../src/approvals/store.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { messageOf, noticeOfReview } from '../../src/reviews/notices/message.ts'
import { createReviewCalls } from '../../src/reviews/own-calls.ts'
import type { ReviewCallOptions } from '../../src/reviews/seen.ts'
import { ASKED, AUTHOR, idOf, requestOf } from './documents.ts'

const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-remind-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const { privateKey } = generateKeyPairSync('ed25519')
const signatures = await createSignatures([
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
])
const store = createStore(createDirectoryLedger(folder), signatures, () => undefined)
const id = idOf(0)
const HOUR = 3_600

t.test('reminders', async (t) => {
  await store.write(requestOf({ id }))
  let [now, told, hasChannels] = [ASKED + 10, 0, true]
  const options = (): ReviewCallOptions =>
    ({
      store,
      now: () => now * 1_000,
      release: { circumstancesOf: () => ({ now, owners: [], isDenied: () => false }) },
      decide: () => ({ permit: null, refusal: new Error('no'), decision: null }),
      policyVersion: () => 'v',
      ownersOf: () => [],
      callFacts: () => ({}),
      hasChannels,
      reminded,
      tell: () => told++,
    }) as unknown as ReviewCallOptions
  const reminded = new Map<string, number>()
  const principal = { id: AUTHOR, kind: 'user', groups: [], roles: [] } as unknown as Principal
  const target = parseTarget('POST', `/_harness/api/reviews/${id}/reminders`)
  const remind = async () => {
    const request = { decision: 'd', read: async () => ({}), keep: () => undefined, make: null }
    const call = await createReviewCalls(options())(target, principal, request as never)
    return call?.answer()
  }
  const both = await Promise.allSettled([remind(), remind()])
  t.same(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  t.equal(told, 1, 'the second one does not wait until the first one is on record')
  const notice = { v: 1, kind: 'notice', id, channel: 'c', event: 'reminder' } as const
  now += 2 * HOUR
  await store.write({ ...notice, outcome: 'failed', iat: now })
  await remind()
  t.equal(told, 2, 'one that has told nobody does not count')
  now += 2 * HOUR
  await store.write({ ...notice, outcome: 'sent', iat: now, event: 'requested' })
  await t.rejects(remind(), { code: 'too_many_requests' })
  now += 2 * HOUR
  hasChannels = false
  await t.rejects(remind(), { code: 'bad_request' }, 'nobody would be told')
})

t.test('what callers have named is text to a channel', async (t) => {
  const names = [
    '<!channel>',
    '[here](https://evil.example)',
    '`x` *b* www.evil.example',
    'a\n@all',
  ]
  for (const name of names) {
    const request = requestOf({
      call: { ...requestOf().call, resource: { type: 'Model', id: `/w/models/${name}` } },
    })
    const of = (kind: 'slack' | 'teams' | 'webhook') =>
      JSON.parse(
        messageOf(kind, 'requested', noticeOfReview(request), 'https://gw/r', null).body,
      ) as { text?: string; resource?: string }
    const { text = '' } = of('slack')
    t.match(text, /^A change waits for its review: `[^`\n]*` \(<https:\/\/gw\/r\|review [^>]+>\)$/)
    t.equal(text.match(/</g)?.length, 1, "one link, which is the gateway's")
    const card = JSON.stringify(of('teams'))
    t.notMatch(card, /[^\\]\[here\]\(/)
    t.equal(of('webhook').resource, `/w/models/${name}`)
  }
})
