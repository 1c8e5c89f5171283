/**
 * A service that the gateway depends on (an issuer, Graph, managed identities) is down, slow, wrong or flapping while
 * callers come: callers who need nothing new of it are served, the others get 503 with Retry-After, and it is asked no
 * more often than src promises.
 * @module
 */
import { Agent } from 'node:https'
import type t from 'tap'
import type { Fault } from '../../../lab/server/faults.ts'
import type { Lab } from '../../../lab/lab.ts'
import type { PartName } from '../../../lab/parts.ts'
import { workspaceId } from '../../../lab/personas.ts'
import type { ConfigFile } from '../../../lab/gateway/harness-config.ts'
import { HOUR_MS, letAnHourPass, movableClock } from '../../support/clock.ts'
import { startGateway, type World } from '../../support/gateway.ts'
import type { Answer } from '../../support/send.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
export const CALLERS = 12
const WARM_EACH = 4
export const COLD_EACH = 3
const TIMEOUT_MS = 1_000
const DAY_SECONDS = 26 * 3_600

export const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
const seconds = (): number => Math.floor(Date.now() / 1000)
/** Tokens that outlive the hours that pass here. */
export const long = (claims: object = {}) => ({
  claims: { iat: seconds(), exp: seconds() + DAY_SECONDS, ...claims },
})

/** One side that the gateway depends on, broken in a running gateway. */
export interface Ground {
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

export async function startSides(
  test: Pick<typeof t, 'teardown'>,
  change: (lab: Lab) => (config: ConfigFile) => ConfigFile = () => (config) => config,
): Promise<{ world: World; anHour: () => Promise<void> }> {
  const world = await startGateway({
    // so long that no token of the gateway's identities expires while the clock is moved
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

export const one = async (ground: Ground, token: string): Promise<Answer> => {
  const [answer] = await caller(ground, [token])
  if (answer === undefined) throw new Error('no answer')
  return answer
}

/** Calls that reached the broken side so far. */
export const calls = ({ world, part, counted }: Ground): number =>
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

export async function allModes(test: typeof t, ground: Ground): Promise<void> {
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
export const backedOff = (elapsed: number): number => Math.floor(Math.log2(elapsed + 1))
