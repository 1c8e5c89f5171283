/**
 * Rows 1 to 44 of docs/security-cases.md, through the whole gateway: really signed tokens over a real socket, judged
 * by status and code, by what reached Azure, and by the records. Rows 45 to 56 are beside this file, and so is row 16
 * at its full size (unknown-keys.test.ts).
 */
import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { badTokenCases } from '../identity/support/bad-token-cases.ts'
import { sign } from '../identity/support/issuer.ts'
import { bearer, TENANT } from '../identity/support/world.ts'
import { gatewayRows } from './support/identity-rows.ts'
import { judge, makeScene, outcomeOf, VERSION, W } from './support/scene.ts'

// gateways are started one after another, on whatever machine this is
t.setTimeout(300_000)
const ROWS = 56

void t.test('no row is missing', async (test) => {
  const rows = new Set([...badTokenCases, ...gatewayRows].map(({ row }) => row))
  for (let row = 1; row <= ROWS; row += 1) test.ok(rows.has(row), `row ${row}`)
})

void t.test('every bad token gets the right answer', async (test) => {
  const scene = await makeScene()
  test.teardown(() => scene.close())
  const { bad, world, ask } = scene
  for (const one of badTokenCases.filter(({ prepare }) => prepare === undefined)) {
    await test.test(`row ${one.row}: ${one.name}`, async (row) =>
      judge(row as typeof t, one, scene),
    )
  }

  await test.test(
    'row 4: a form that could carry a token is refused and not opened',
    async (row) => {
      const before = world.lab.requests().length
      for (const type of [
        'application/x-www-form-urlencoded',
        'Application/X-WWW-Form-Urlencoded; charset=utf-8',
      ]) {
        for (const authorization of [
          undefined,
          `Bearer ${await sign(bad.entraKey, bad.entraUser())}`,
        ]) {
          const answer = await world.send(`${W}/jobs/j?${VERSION}`, {
            method: 'PUT',
            headers: {
              'content-type': type,
              ...(authorization === undefined ? {} : { authorization }),
            },
            body: 'access_token=canary0f0rm',
          })
          row.match(
            { status: answer.status, code: answer.code },
            { status: 400, code: 'invalid_request' },
          )
          row.equal((await world.settled(answer)).length, 1)
        }
      }
      row.equal(world.lab.requests().length, before, 'nothing is forwarded')
      row.notMatch(JSON.stringify(await world.allRecords()) + world.gateway.logs(), 'canary0f0rm')
    },
  )

  await test.test(
    'row 43: who is put on the deny list is refused from the next request on, cached or not',
    async (row) => {
      const token = await sign(bad.oktaKey, bad.oktaUser({ jti: 'AT.leaves' }))
      row.equal((await ask(bearer(token))).status, 200)
      row.equal((await ask(bearer(token))).status, 200, 'and is now known')
      await writeFile(bad.denyListFile, 'token okta/AT.leaves\n')
      const answer = await ask(bearer(token))
      row.match({ status: answer.status, code: answer.code }, { status: 401, code: 'revoked' })
      row.equal(
        (await ask(bearer(await sign(bad.oktaKey, bad.oktaUser())))).status,
        200,
        'nobody else is',
      )
    },
  )

  const seconds = (): number => bad.clock() / 1000
  const stepUps: [string, string, Record<string, unknown>, number, string][] = [
    ['a method that the token has', 'models', { amr: ['pwd', 'mfa'] }, 200, 'accepted'],
    ['a fresh sign-in', 'data', { auth_time: -60 }, 200, 'accepted'],
    ['an old sign-in', 'data', { auth_time: -1000 }, 403, 'insufficient_scope'],
    [
      'an old sign-in, challengeable',
      'data',
      { auth_time: -1000, xms_cc: ['CP1'] },
      401,
      'insufficient_claims',
    ],
    [
      'a fresh one without the method',
      'environments',
      { auth_time: -60 },
      403,
      'insufficient_scope',
    ],
    [
      'the method, long ago',
      'environments',
      { auth_time: -1000, amr: ['mfa'] },
      403,
      'insufficient_scope',
    ],
    ['both', 'environments', { auth_time: -60, amr: ['mfa'] }, 200, 'accepted'],
    [
      'a call that nobody permits',
      'models',
      { oid: TENANT, xms_cc: ['cp1'] },
      403,
      'policy_refused',
    ],
  ]
  for (const [name, kind, claims, status, code] of stepUps) {
    await test.test(`row 44: step-up, ${name}`, async (row) => {
      const given = { ...claims }
      if (typeof given['auth_time'] === 'number') given['auth_time'] += seconds()
      const answer = await ask(
        bearer(await sign(bad.entraKey, bad.entraUser(given))),
        `${W}/${kind}`,
      )
      row.match({ status: answer.status, code: outcomeOf(answer) }, { status, code }, answer.text)
      if (code !== 'insufficient_claims') return
      const challenge = String(answer.headers['www-authenticate'])
      const [, wanted = ''] =
        /error="insufficient_claims".*claims="([A-Za-z0-9+/=]+)"/.exec(challenge) ?? []
      row.match(JSON.parse(Buffer.from(wanted, 'base64').toString()), {
        access_token: { nbf: { essential: true } },
      })
      const [record] = await world.records(String(answer.headers['x-harness-decision-id']))
      row.match(record, { Decision: 'refuse', PolicyIds: ['fresh-sign-in'] })
    })
  }
  test.equal(bad.entra.calls.get('other') ?? 0, 0, 'no url out of a token was called')
})
