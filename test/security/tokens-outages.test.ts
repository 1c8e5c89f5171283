/** Rows 45 to 50 of docs/security-cases.md, through the whole gateway: issuers and Graph that are wrong or down. */
import { join } from 'node:path'
import t from 'tap'
import { HOUR_MS } from '../support/clock.ts'
import { startGateway } from '../support/gateway.ts'
import { badTokenCases } from '../identity/support/bad-token-cases.ts'
import { makeBadWorld } from '../identity/support/bad-world.ts'
import { sendJson } from '../identity/support/issuer.ts'
import { judge, makeScene, POLICIES } from './support/scene.ts'

t.setTimeout(300_000)

void t.test('the other side being wrong or down gets the right answer', async (test) => {
  const scene = await makeScene()
  test.teardown(() => scene.close())
  const { bad } = scene
  const looks = (): number => bad.entra.calls.get('jwks') ?? 0
  for (const one of badTokenCases.filter(({ prepare }) => prepare !== undefined)) {
    // the faults end, and an hour passes: no back-off and no negative cache is left of them
    for (const issuer of [bad.entra, bad.okta]) {
      issuer.faults.clear()
      issuer.handlers.clear()
    }
    const before = looks()
    await bad.advance(HOUR_MS)
    for (let tries = 0; tries < 500 && looks() < before + 3; tries += 1) {
      await new Promise((done) => setTimeout(done, 10))
    }
    await test.test(`row ${one.row}: ${one.name}`, async (row) =>
      judge(row as typeof t, one, scene),
    )
  }
  test.equal(bad.entra.calls.get('other') ?? 0, 0, 'no url out of a token was called')
})

void t.test(
  'row 45: a gateway does not start with an issuer whose discovery names another',
  async (test) => {
    const bad = await makeBadWorld()
    test.teardown(() => bad.close())
    bad.okta.faults.set('discovery', (_, response) =>
      sendJson(response, { issuer: 'https://evil.test', jwks_uri: 'https://evil.test/keys' }),
    )
    await test.rejects(
      startGateway({
        gateway: {
          change: ({ console: _console, ...config }) => ({
            ...config,
            issuers: bad.configs.filter(({ name }) => name === 'okta'),
            policies: { ...config.policies, bindings: join(POLICIES, 'none.yaml') },
          }),
        },
      }),
      /exit status 1/,
    )
  },
)
