/**
 * Issuer, managed-identity endpoint, Graph and introspection, each down, slow, wrong and flapping while callers come:
 * who needs nothing new is served as ever, the others get 503 with Retry-After, and what is broken is asked no more
 * often than src promises.
 */
import { randomUUID } from 'node:crypto'
import { Agent } from 'node:https'
import t from 'tap'
import type { Fault } from '../../lab/faults.ts'
import { withGraph, withIntrospection } from '../../lab/harness-config.ts'
import type { Lab } from '../../lab/lab.ts'
import type { PartName } from '../../lab/parts.ts'
import { IDENTITIES, PERSONAS, workspaceId } from '../../lab/personas.ts'
import type { Config } from '../../src/config/schema.ts'
import { HOUR_MS, letAnHourPass, movableClock } from '../support/clock.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'

t.setTimeout(600_000)
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const CALLERS = 12
const WARM_EACH = 4
const COLD_EACH = 3
const TIMEOUT_MS = 1_000
const DAY_SECONDS = 26 * 3_600

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const seconds = (): number => Math.floor(Date.now() / 1000)
/** Tokens that outlive the hours that pass here. */
const long = (claims: object = {}) => ({
  claims: { iat: seconds(), exp: seconds() + DAY_SECONDS, ...claims },
})

/** One side that the gateway depends on, broken in a running gateway. */
interface Ground {
  world: World
  part: PartName
  /** What of the part's address is broken. */
  path: string
  /** What marks the calls that count. */
  counted: string
  /** What a caller gets who needs the broken side. */
  code: string
  /** Tokens of callers who need nothing new. */
  warm: string[]
  /** Makes what the next cold tokens need unknown again, with the side mended. */
  renew: () => Promise<void>
  /** A token that cannot be served without the side. */
  cold: () => Promise<string>
  /** Calls to the side allowed in a time of failure, and where some of them succeed. */
  bound: (elapsedSeconds: number) => number
  most: number
  /** Called once the side is broken. */
  broken?: () => Promise<void>
  /** Lets the time pass after which the side is asked again. */
  recover: () => Promise<void>
}

async function start(
  test: Pick<typeof t, 'teardown'>,
  change: (lab: Lab) => (config: Config) => Config = () => (config) => config,
): Promise<{ world: World; anHour: () => Promise<void> }> {
  const world = await startGateway({
    // tokens of the gateway's identities outlive all the hours that pass here
    lab: { identityTokenLifetimeSeconds: 90 * 86_400 },
    gateway: (lab) => ({
      execArgv: movableClock,
      change: (config) => ({
        ...change(lab)(config),
        limits: { issuerTimeoutMs: TIMEOUT_MS, tokenTimeoutMs: TIMEOUT_MS },
      }),
    }),
  })
  test.teardown(() => world.close())
  let ahead = 0
  return {
    world,
    async anHour() {
      ahead += HOUR_MS
      await letAnHourPass(world.gateway, ahead)
    },
  }
}

/** What one connection after another gets for these tokens. */
function caller({ world }: Ground, tokens: readonly string[], paceMs = 0): Promise<Answer[]> {
  const agent = new Agent({ ca: world.lab.certificates.ca, keepAlive: true, maxSockets: 1 })
  const send = async (): Promise<Answer[]> => {
    const answers: Answer[] = []
    for (const token of tokens) {
      if (paceMs > 0) await wait(paceMs)
      answers.push(await world.send(JOBS, { headers: { authorization: `Bearer ${token}` }, agent }))
    }
    return answers
  }
  return send().finally(() => agent.destroy())
}

const one = async (ground: Ground, token: string): Promise<Answer> => {
  const [answer] = await caller(ground, [token])
  if (answer === undefined) throw new Error('no answer')
  return answer
}

/** Calls that reached the broken side so far. */
const calls = ({ world, part, counted }: Ground): number =>
  (world.lab.parts.get(part)?.journal.entries() ?? []).filter(({ url }) => url.includes(counted))
    .length

const mend = ({ world, part }: Ground): void => world.lab.parts.get(part)?.faults.clear()

function arm({ world, part, path }: Ground, fault: Fault): void {
  world.lab.parts.get(part)?.faults.add({ times: 0, match: { path }, ...fault })
}

interface Mode {
  name: string
  fault: Fault
  /** Statuses that a cold caller may get. */
  cold: readonly number[]
  flapping?: boolean
}

const MODES: readonly Mode[] = [
  { name: 'down', fault: { reset: true }, cold: [503] },
  { name: 'slower than its time-out', fault: { hang: true }, cold: [503] },
  {
    name: 'wrong: a page in place of an answer',
    fault: { status: 200, body: '<html>' },
    cold: [503],
  },
  { name: 'failing with 500', fault: { status: 500, body: {} }, cold: [503] },
  { name: 'slow', fault: { delayMs: 300 }, cold: [200] },
  { name: 'flapping', fault: { reset: true }, cold: [200, 503], flapping: true },
]

async function underLoad(test: typeof t, ground: Ground, mode: Mode): Promise<void> {
  await ground.renew()
  const cold: string[] = []
  while (cold.length < CALLERS * COLD_EACH) cold.push(await ground.cold())
  const before = calls(ground)
  const began = performance.now()
  arm(ground, mode.fault)
  await ground.broken?.()
  let isBroken = true
  const flap = setInterval(() => {
    if (mode.flapping !== true) return
    isBroken = !isBroken
    if (isBroken) arm(ground, mode.fault)
    else mend(ground)
  }, 120)
  const isCold = new Set(cold)
  const load = Array.from({ length: CALLERS }, (_, i) => {
    const own = cold.slice(i * COLD_EACH, (i + 1) * COLD_EACH)
    const mixed = own.flatMap((token) => [ground.warm[i % ground.warm.length] ?? '', token])
    while (mixed.length < WARM_EACH + COLD_EACH) mixed.push(ground.warm[0] ?? '')
    return caller(ground, mixed, mode.flapping === true ? 400 : 0).then((answers) =>
      answers.map((answer, k) => ({ answer, cold: isCold.has(mixed[k] ?? '') })),
    )
  })
  const all = (await Promise.all(load)).flat()
  clearInterval(flap)
  const elapsed = (performance.now() - began) / 1000
  const made = calls(ground) - before
  mend(ground)

  const warm = all.filter((given) => !given.cold)
  test.equal(
    warm.filter(({ answer }) => answer.status === 200).length,
    warm.length,
    'who needs nothing new is served',
  )
  for (const { answer } of all.filter((given) => given.cold)) {
    if (!mode.cold.includes(answer.status)) test.fail(`${answer.status} ${answer.text}`)
    if (answer.status !== 503) continue
    if (answer.code !== ground.code) test.equal(answer.code, ground.code)
    const after = Number(answer.headers['retry-after'])
    if (!(after >= 1 && after <= 30)) test.fail(`Retry-After ${answer.headers['retry-after']}`)
  }
  const tally = new Map<number, number>()
  for (const { answer, cold: was } of all)
    if (was) tally.set(answer.status, (tally.get(answer.status) ?? 0) + 1)
  const bound = mode.cold.includes(200) ? ground.most : ground.bound(elapsed)
  test.ok(made <= bound, `${made} call(s) to it in ${elapsed.toFixed(1)} s, ${bound} allowed`)
  test.comment(
    `${warm.length} warm, cold by status ${JSON.stringify([...tally])}, ${made} call(s) in ${elapsed.toFixed(1)} s`,
  )

  await ground.recover()
  const late = await ground.cold()
  let answer = await one(ground, late)
  for (let tries = 0; tries < 400 && answer.status === 503; tries += 1) {
    await wait(100)
    answer = await one(ground, late)
  }
  test.equal(answer.status, 200, `and it recovers by itself ${answer.text}`)
}

async function allModes(test: typeof t, ground: Ground): Promise<void> {
  for (const token of ground.warm) test.equal((await one(ground, token)).status, 200)
  for (const mode of MODES) {
    await test.test(mode.name, async (sub) => underLoad(sub as typeof t, ground, mode))
  }
  const refused = (await ground.world.allRecords()).filter(
    (row) => row['RefusalCode'] === ground.code,
  )
  test.ok(
    refused.length > CALLERS && refused.every((row) => row['RecordKind'] !== 'authorized'),
    'all on record',
  )
}

/** After a failure the next call may come after 1, 2, 4, ... seconds. */
const backedOff = (elapsed: number): number => Math.floor(Math.log2(elapsed + 1))

void t.test('the issuer, when its keys change', async (test) => {
  const { world, anHour } = await start(test)
  const scientist = (): Promise<string> => world.lab.token('scientist', long())
  const ground: Ground = {
    world,
    part: 'entra',
    path: '/jwks',
    counted: '/jwks',
    code: 'idp_unavailable',
    warm: [await scientist(), await world.lab.token('reader', long())],
    async renew() {
      await ground.recover()
      await world.lab.issuers.entra.rotate(true)
    },
    cold: scientist,
    async recover() {
      const before = calls(ground)
      await anHour()
      for (let tries = 0; tries < 400 && calls(ground) === before; tries += 1) await wait(10)
    },
    // ATTEMPT_GAP_MS in src/identity/key-store.ts
    bound: (elapsed) => 1 + Math.floor(elapsed / 30),
    most: 2,
  }
  await allModes(test as typeof t, ground)
})

void t.test('the managed-identity endpoint, when Azure has revoked a token', async (test) => {
  const { world, anHour } = await start(test)
  const reader = await world.lab.token('reader', long())
  const ground: Ground = {
    world,
    part: 'identity',
    path: '/msi/token',
    counted: IDENTITIES.find(({ name }) => name === 'ml-reader')?.clientId ?? 'none',
    code: 'identity_unavailable',
    warm: [await world.lab.token('scientist', long())],
    async renew() {
      await anHour()
      // so that there is a token to lose
      await one(ground, reader)
    },
    async broken() {
      await world.fault('upstream', { status: 401, times: 1 })
      await one(ground, reader)
    },
    cold: async () => reader,
    recover: async () => undefined,
    bound: (elapsed) => 1 + backedOff(elapsed),
    most: 1 + CALLERS * COLD_EACH,
  }
  await allModes(test as typeof t, ground)
})

void t.test('Graph, when somebody comes whose token has no room for groups', async (test) => {
  const { world } = await start(test, withGraph)
  const persona = PERSONAS.get('scientist')
  const groups = persona?.kind === 'entra-user' ? persona.groups : []
  const overage = (claims: object = {}): Promise<string> =>
    world.lab.token('scientist', long({ groups: null, hasgroups: true, ...claims }))
  const ground: Ground = {
    world,
    part: 'graph',
    path: 'getMemberGroups',
    counted: 'getMemberGroups',
    code: 'graph_unavailable',
    warm: [await overage(), await world.lab.token('reader', long())],
    renew: async () => undefined,
    async cold() {
      const oid = randomUUID()
      const body = JSON.stringify({ [oid]: groups })
      await fetch(`${world.lab.urls.graph}/_lab/groups`, { method: 'POST', body })
      return overage({ oid })
    },
    recover: async () => undefined,
    bound: (elapsed) => CALLERS + backedOff(elapsed),
    most: CALLERS * COLD_EACH,
  }
  await allModes(test as typeof t, ground)
})

void t.test('introspection, when an opaque token comes', async (test) => {
  const { world } = await start(test, () => withIntrospection(false))
  const ground: Ground = {
    world,
    part: 'okta',
    path: '/introspection',
    counted: '/introspection',
    code: 'idp_unavailable',
    warm: [await world.lab.token('reader', long()), await world.lab.token('scientist', long())],
    renew: async () => undefined,
    cold: () => world.lab.token('reader', { opaque: true }),
    recover: async () => undefined,
    bound: (elapsed) => CALLERS + backedOff(elapsed),
    most: CALLERS * COLD_EACH,
  }
  await allModes(test as typeof t, ground)
})
