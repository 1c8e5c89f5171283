/**
 * Rows 51 to 56 of docs/security-cases.md: the gateway's own identities and what Azure says to them.
 * @module
 */
import type t from 'tap'
import { IDENTITIES, workspaceId } from '../../../lab/personas.ts'
import { startGateway, type World } from '../../support/gateway.ts'
import type { Answer } from '../../support/send.ts'

export interface GatewayRow {
  row: number
  name: string
  run: (test: typeof t) => Promise<void>
}

const W = workspaceId()
const JOBS = `${W}/jobs?api-version=2024-04-01`
/** A change whose body no policy reads, so that it is streamed. */
const METRIC = `/mlflow/v2.0${W}/api/2.0/mlflow/runs/log-metric`
const TOKEN_TIMEOUT_MS = 1_000

async function start(test: typeof t): Promise<{
  world: World
  read: () => Promise<Answer>
  write: () => Promise<Answer>
}> {
  const world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: { ...config.limits, tokenTimeoutMs: TOKEN_TIMEOUT_MS },
        identities: Object.fromEntries(
          Object.entries(config.identities).map(([name, identity]) => {
            const objectId = IDENTITIES.find((one) => one.name === name)?.oid ?? ''
            return [
              name,
              identity.kind === 'managed-identity' ? { ...identity, objectId } : identity,
            ]
          }),
        ),
      }),
    },
  })
  test.teardown(() => world.close())
  const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
  return {
    world,
    read: () => world.send(JOBS, { headers }),
    write: () =>
      world.send(METRIC, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{"run_id":"r","key":"loss","value":1,"timestamp":1}',
      }),
  }
}

/** How often the managed-identity endpoint was asked, whatever it answered, for the identity that scientists use. */
function asked(world: World): number {
  const clientId = IDENTITIES.find(({ name }) => name === 'ml-writer')?.clientId ?? 'none'
  const entries = world.lab.parts.get('identity')?.journal.entries() ?? []
  return entries.filter(({ url }) => url.includes(clientId)).length
}

async function mend(world: World): Promise<void> {
  await fetch(`${world.lab.urls.identity}/_lab/faults`, { method: 'DELETE' })
}

const refusedOnce = async (test: typeof t, world: World, answer: Answer, code: string) => {
  const rows = await world.settled(answer)
  test.match(rows, [{ RecordKind: 'refused', RefusalCode: code, Decision: 'permit' }])
  test.equal(rows.length, 1, 'exactly one record')
}

export const gatewayRows: readonly GatewayRow[] = [
  {
    row: 51,
    name: 'the managed-identity endpoint goes down while the token is valid: nothing changes',
    async run(test) {
      const { world, read } = await start(test)
      test.equal((await read()).status, 200)
      for (const fault of [{ reset: true }, { status: 500 }, { hang: true }]) {
        await mend(world)
        await world.fault('identity', { times: 0, ...fault })
        for (let i = 0; i < 5; i += 1) test.equal((await read()).status, 200)
      }
      test.equal(asked(world), 1)
    },
  },
  {
    row: 52,
    name: 'the managed-identity endpoint hangs and there is no token: 503 in time, one attempt a back-off',
    async run(test) {
      const { world, read } = await start(test)
      await world.fault('identity', { times: 0, hang: true })
      const began = performance.now()
      const answers = await Promise.all(Array.from({ length: 16 }, read))
      test.equal(asked(world), 1, 'one attempt for all who came at once')
      for (let i = 0; i < 16; i += 1) answers.push(await read())
      const seconds = (performance.now() - began) / 1000
      for (const answer of answers) {
        test.match(
          { status: answer.status, code: answer.code },
          { status: 503, code: 'identity_unavailable' },
        )
        test.match(answer.headers['retry-after'], /^\d+$/)
        await refusedOnce(test, world, answer, 'identity_unavailable')
      }
      // 1, 2, 4, ... seconds after one failed attempt the next one may begin
      const bound = 1 + Math.floor(Math.log2(seconds + 1))
      test.ok(
        asked(world) <= bound,
        `${asked(world)} attempts in ${seconds.toFixed(1)} s, ${bound} allowed`,
      )
      test.same(world.lab.requests(), [], 'nothing is forwarded')
      await mend(world)
      let answer = await read()
      for (let tries = 0; tries < 100 && answer.status !== 200; tries += 1) {
        await new Promise((done) => setTimeout(done, 100))
        answer = await read()
      }
      test.equal(answer.status, 200, 'and it recovers by itself')
    },
  },
  {
    row: 53,
    name: 'the managed-identity endpoint gives a token for another audience or of another identity: 502, not used',
    async run(test) {
      const { world, read } = await start(test)
      const set = (claims: object) =>
        fetch(`${world.lab.urls.identity}/_lab/claims`, {
          method: 'POST',
          body: JSON.stringify(claims),
        })
      for (const claim of ['aud', 'oid', 'appid']) {
        await set({
          [claim]:
            claim === 'aud'
              ? 'https://graph.microsoft.com'
              : '00000000-0000-4000-8000-000000000000',
        })
        let answer = await read()
        let [row] = await world.settled(answer)
        // the one before has opened the breaker, for some seconds
        for (
          let tries = 0;
          tries < 100 && !String(row?.['RefusalDetail']).startsWith(claim);
          tries += 1
        ) {
          await new Promise((done) => setTimeout(done, 100))
          answer = await read()
          row = (await world.settled(answer))[0]
        }
        test.match(
          { status: answer.status, code: answer.code },
          { status: 502, code: 'identity_mismatch' },
        )
        test.match(
          row?.['RefusalDetail'],
          new RegExp(`^${claim} is not`),
          'the record says what is wrong',
        )
        await refusedOnce(test, world, answer, 'identity_mismatch')
      }
      test.same(world.lab.requests(), [], 'nothing is forwarded')
      test.match(world.gateway.logs(), 'a token that was not asked for', 'and there is an alarm')
    },
  },
  {
    row: 54,
    name: '100 cold callers cost one call to the managed-identity endpoint',
    async run(test) {
      const { world, read } = await start(test)
      await world.fault('identity', { times: 0, delayMs: 300 })
      const answers = await Promise.all(Array.from({ length: 100 }, read))
      test.same([...new Set(answers.map(({ status }) => status))], [200])
      test.equal(asked(world), 1)
    },
  },
  {
    row: 55,
    name: 'azure challenges the managed identity: its token is dropped, a call that can be repeated is, once',
    async run(test) {
      const { world, read, write } = await start(test)
      const challenge = {
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="insufficient_claims", claims="Y2FuYXJ5"' },
        body: { error: { code: 'Canary' } },
      }
      await world.fault('upstream', challenge)
      test.equal((await read()).status, 200)
      test.equal(world.lab.requests().length, 2)
      test.equal(asked(world), 2, 'a new token was asked for')
      await world.clear()
      await world.fault('dataPlane', challenge)
      const answer = await write()
      test.equal(answer.status, 502)
      test.equal(
        world.lab.requests().length,
        1,
        'a change whose body was streamed is not sent again',
      )
      test.notMatch(
        answer.text + JSON.stringify(answer.headers),
        /canary|Y2FuYXJ5/i,
        'nor is it told',
      )
      const rows = await world.settled(answer)
      test.match(rows, [
        { RecordKind: 'authorized' },
        { RecordKind: 'completed', RefusalCode: 'upstream_rejected_identity' },
      ])
    },
  },
  {
    row: 56,
    name: 'azure forbids it to the managed identity: 403 of our own, and both principals are recorded',
    async run(test) {
      const { world, read } = await start(test)
      await world.fault('upstream', {
        status: 403,
        body: { error: { code: 'AuthorizationFailed', message: 'canary' } },
      })
      const answer = await read()
      test.match(
        { status: answer.status, code: answer.code },
        { status: 403, code: 'upstream_forbidden' },
      )
      test.notMatch(answer.text, /canary/)
      const completed = (await world.settled(answer)).at(-1)
      test.match(completed, {
        RecordKind: 'completed',
        IdentityName: 'ml-writer',
        UpstreamStatus: 403,
      })
      test.match(completed?.['PrincipalId'], /^entra\//)
    },
  },
]
