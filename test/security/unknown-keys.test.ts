/**
 * Row 16 of docs/security-cases.md at its full size: a flood of key ids that nobody ever published, as fast as many
 * kept connections carry it, costs the issuer one look at its keys in half a minute and nobody else anything.
 */
import { Agent } from 'node:https'
import t from 'tap'
import { ATTEMPT_GAP_MS, FRESH_MS } from '../../src/identity/keys/key-refresh.ts'
import { sign } from '../identity/support/issuer.ts'
import { HOUR_MS } from '../support/clock.ts'
import { liveHeap, toldHeap } from '../support/memory.ts'
import type { Answer } from '../support/send.ts'

import { makeScene, VERSION, W } from './support/scene.ts'
import { eventually } from '../support/eventually.ts'

t.setTimeout(300_000)
const FLOOD = 10_000
const WARM = 3_000
const CONNECTIONS = 100
/** One request in so many is somebody who has done nothing wrong. */
const GOOD_EACH = 100
/** A refusal, a promise or a record kept for each would be more; what the process itself moves is a third of it. */
const KEPT_BYTES_EACH = 1_500

void t.test(`${FLOOD} unknown key ids at once`, async (test) => {
  const scene = await makeScene(toldHeap)
  test.teardown(() => scene.close())
  const { bad, world } = scene
  const agent = new Agent({
    ca: world.lab.certificates.ca,
    keepAlive: true,
    maxSockets: CONNECTIONS,
    maxFreeSockets: CONNECTIONS,
  })
  test.teardown(() => agent.destroy())
  const get = (token: string): Promise<Answer> =>
    world.send(`${W}/jobs?${VERSION}`, { headers: { authorization: `Bearer ${token}` }, agent })

  // what costs an attacker nothing: one signature, and headers that each name another key, as long as one may be
  const [, claims, signature] = (await sign(bad.attackerKey, bad.oktaUser())).split('.')
  const forged = (kid: string, alg: string): string => {
    const header = JSON.stringify({ alg, typ: 'JWT', kid: kid.padStart(256, 'k') })
    return `${Buffer.from(header).toString('base64url')}.${claims}.${signature}`
  }
  const looks = (): number => bad.okta.calls.get('jwks') ?? 0
  // an hour later all three issuers of that server have looked by schedule, and none for an unknown key
  const scheduled = looks() + 3
  await bad.advance(HOUR_MS)
  await eventually('the keys are looked at by schedule', () => looks() >= scheduled)
  const good = await Promise.all(
    Array.from({ length: FLOOD / GOOD_EACH }, (_, i) =>
      sign(bad.oktaKey, bad.oktaUser({ jti: `AT.good-${i}` })),
    ),
  )

  /** So many forged tokens over all connections at once, a good one after each hundred of them. */
  async function flood(name: string, size: number, alg = 'RS256'): Promise<Map<string, number>> {
    const tally = new Map<string, number>()
    let next = 0
    const count = (answer: Answer): void => {
      const challenge = /error="([a-z_]+)"/.exec(answer.headers['www-authenticate'] ?? '')?.[1]
      const key = `${answer.status} ${answer.status === 200 ? '' : answer.code} ${challenge ?? ''}`
      tally.set(key.trim(), (tally.get(key.trim()) ?? 0) + 1)
    }
    const connection = async (): Promise<void> => {
      while (next < size) {
        const at = next
        next += 1
        count(await get(forged(`${name}-${at}`, alg)))
        if (at % GOOD_EACH === 0) count(await get(good[at / GOOD_EACH] ?? ''))
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, connection))
    return tally
  }

  // the process gets its working size, on tokens that are refused before keys are thought of
  await flood('none', WARM, 'PS256')
  const idle = async (): Promise<number> => {
    const last = (await world.allRecords()).length
    await world.rows((rows) => rows.length >= last)
    return liveHeap(world.gateway)
  }
  const heap = await idle()
  const before = looks()
  const records = (await world.allRecords()).length
  const forwarded = world.lab.requests().length
  const began = performance.now()
  const tally = await flood('flood', FLOOD)
  const elapsed = performance.now() - began

  test.same(
    Object.fromEntries(tally),
    { '401 invalid_token invalid_token': FLOOD, 200: FLOOD / GOOD_EACH },
    'each unknown key is refused, each good token is served',
  )
  // three issuers of that server each have a schedule of five minutes of their own
  const due = 3 * Math.floor(elapsed / (FRESH_MS / 2))
  const bound = 1 + Math.floor(elapsed / ATTEMPT_GAP_MS) + due
  test.ok(looks() - before >= 1, 'they could be keys that are new')
  test.ok(looks() - before <= bound, `${looks() - before} look(s) at the keys, ${bound} allowed`)
  test.equal(world.lab.requests().length - forwarded, FLOOD / GOOD_EACH, 'only those are forwarded')
  const rows = (await world.allRecords()).slice(records)
  const refused = rows.filter((row) => row['RecordKind'] === 'refused')
  test.equal(refused.length, FLOOD, 'and each refusal has its one record')
  test.ok(
    refused.every((row) => row['RefusalCode'] === 'invalid_token' && row['Status'] === 401),
    'which says why',
  )
  const after = await idle()
  let kept = (after - heap) / FLOOD
  if (kept >= KEPT_BYTES_EACH) {
    // the process itself may have grown by a step of its own, and does so once; what is kept for each is kept again
    await flood('again', FLOOD)
    kept = ((await idle()) - after) / FLOOD
  }
  test.ok(kept < KEPT_BYTES_EACH, `${kept.toFixed(0)} bytes are kept for each`)
  const rate = Math.round((FLOOD * 1_000) / elapsed)
  test.comment(
    `${rate} a second, ${looks() - before} look(s), ${kept.toFixed(0)} bytes kept for each`,
  )
})
