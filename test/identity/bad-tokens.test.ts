import t from 'tap'
import { Refusal } from '../../src/errors.ts'
import type { Identify } from '../../src/identity/identify.ts'
import { checkSignIn } from '../../src/identity/sign-in.ts'
import type { BadTokenCase } from './support/bad-token-case.ts'
import { badTokenCases } from './support/bad-token-cases.ts'
import { makeBadWorld, type BadWorld } from './support/bad-world.ts'
import { codeOf } from './support/world.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const ROWS = 50

async function judge(test: typeof t, one: BadTokenCase, world: BadWorld, identify: Identify) {
  await one.prepare?.(world, (request) => codeOf(identify.identify(request)))
  const request = await one.make(world)
  if (one.stage === 'policy') {
    const principal = await identify.identify(request)
    if (one.row === 33)
      test.equal(principal.kind, 'service', 'policy can tell that it is no person')
    else {
      const refusal = checkSignIn(principal, { methods: ['mfa'] }, world.clock())
      test.match(refusal, { code: one.code, status: one.status })
      test.equal(typeof refusal?.detail.claims === 'string', one.code === 'insufficient_claims')
    }
    return
  }
  try {
    await identify.identify(request)
    test.equal(one.code, 'accepted')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    test.match({ code: error.code, status: error.status }, { code: one.code, status: one.status })
    test.equal(
      typeof error.detail.retryAfter === 'number',
      one.status === 503,
      'Retry-After with 503 only',
    )
    if (one.status === 503) test.ok((error.detail.retryAfter ?? 99) <= 30, 'and a bounded one')
    const token =
      request.rawHeaders.find((value) => value.startsWith('Bearer '))?.slice(7) ?? 'none'
    const text = JSON.stringify([error.message, error.detail.remedy, error.detail.inner])
    test.notOk(text.includes(token) || /\p{Cc}/u.test(error.message), 'no token in its text')
  }
}

void t.test('no row is missing', async (test) => {
  const rows = new Set(badTokenCases.map(({ row }) => row))
  for (let row = 1; row <= ROWS; row += 1) test.ok(rows.has(row), `row ${row}`)
})

void t.test('every bad input gets the right answer', async (test) => {
  const world = await makeBadWorld()
  test.teardown(() => world.close())
  const identify = await world.makeIdentify()
  for (const one of badTokenCases.filter(({ prepare }) => prepare === undefined)) {
    await test.test(`row ${one.row}: ${one.name}`, async (row) =>
      judge(row as typeof t, one, world, identify),
    )
  }
  test.equal(world.entra.calls.get('other') ?? 0, 0, 'no url out of a token was called')
  test.ok(
    world.logs.some(({ message }) => message.includes('2048 bits')),
    'the weak key was reported',
  )
})

void t.test('the other side being wrong or down gets the right answer', async (test) => {
  for (const one of badTokenCases.filter(({ prepare }) => prepare !== undefined)) {
    await test.test(`row ${one.row}: ${one.name}`, async (row) => {
      const world = await makeBadWorld()
      row.teardown(() => world.close())
      await judge(row as typeof t, one, world, await world.makeIdentify())
      row.equal(world.entra.calls.get('other') ?? 0, 0, 'no url out of a token was called')
    })
  }
})
