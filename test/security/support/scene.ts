/**
 * The rows of docs/security-cases.md put to a whole gateway: its issuers are those of the bad world, its clock moves with theirs.
 * @module
 */
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type t from 'tap'
import type { Config } from '../../../src/config/schema/schema.ts'
import { IDENTITIES, workspaceId } from '../../../lab/personas.ts'
import { letAnHourPass, HOUR_MS, movableClock } from '../../support/clock.ts'
import { startGateway, type World } from '../../support/gateway.ts'
import { sendRaw, type Answer } from '../../support/send.ts'
import type { BadTokenCase, CaseRequest } from '../../identity/support/bad-token-case.ts'
import { GRAPH_TENANT, makeBadWorld, type BadWorld } from '../../identity/support/bad-world.ts'
import { GROUP, OBJECT, OTHER_TENANT, TENANT } from '../../identity/support/world.ts'

export const W = workspaceId()
export const VERSION = 'api-version=2024-04-01'
export const POLICIES = fileURLToPath(new URL('../../../policies', import.meta.url))
const RBAC = 'Microsoft.MachineLearningServices/workspaces'

/** What rows 33 and 44 are about: calls for people only, and calls that need a second factor. */
const EXTRA = `
@id("people-only") @reason("compute is looked at by people")
forbid (principal, action == Action::"${RBAC}/computes/read", resource) unless { principal is User };
@id("second-factor") @reason("models need a second factor") @stepup("methods=mfa")
forbid (principal, action == Action::"${RBAC}/models/read", resource);
@id("fresh-sign-in") @reason("data needs a fresh sign-in") @stepup("max-age=900")
forbid (principal, action == Action::"${RBAC}/data/read", resource);
@id("both") @reason("environments need a fresh second factor") @stepup("max-age=900 methods=mfa")
forbid (principal, action == Action::"${RBAC}/environments/read", resource);
`
/** Everybody whom a case wants accepted reads; nobody else does anything. */
const READERS = [
  `User::"entra/${TENANT}/${OBJECT}"`,
  `Service::"entra/${TENANT}/${OBJECT}"`,
  'User::"okta/00uperson"',
  `User::"shared/${OTHER_TENANT}/${OBJECT}"`,
  `Group::"graph/${GRAPH_TENANT}/${GROUP}"`,
  'User::"opaque/s"',
]

export interface Scene {
  bad: BadWorld
  world: World
  ask: (request: CaseRequest, path?: string) => Promise<Answer>
}

async function makePolicies(directory: string): Promise<Config['policies']> {
  await cp(POLICIES, directory, { recursive: true })
  for (const name of await readdir(directory)) {
    if (name.endsWith('.tests.yaml')) await rm(join(directory, name))
  }
  await writeFile(join(directory, 'extra.cedar'), EXTRA)
  const bindings = READERS.map(
    (principal, i) =>
      `  - { id: r${i}, template: reader, principal: '${principal}', resource: 'Workspace::"${W.toLowerCase()}"' }`,
  )
  const text = `identities: [ml-reader, ml-writer]\nbindings:\n${bindings.join('\n')}\n`
  await writeFile(join(directory, 'bindings.yaml'), text)
  return { directory, bindings: join(directory, 'bindings.yaml') }
}

/**
 * A gateway that trusts the issuers of a bad world, and a clock that the two share.
 * @param flags for node
 */
export async function makeScene(
  flags: readonly string[] = [],
): Promise<Scene & { close(): Promise<void> }> {
  const bad = await makeBadWorld()
  const directory = await mkdtemp(join(tmpdir(), 'policies-'))
  const policies = await makePolicies(directory)
  const [reader] = IDENTITIES
  const world = await startGateway({
    // so long that no token of the gateway's identities expires while the clock is moved
    lab: { identityTokenLifetimeSeconds: 90 * 86_400 },
    gateway: {
      env: { X: 'secret' },
      execArgv: [...movableClock, ...flags],
      // nobody signs in to a console at these issuers
      change: ({ console: _console, ...config }) => ({
        ...config,
        issuers: bad.configs,
        denyListFile: bad.denyListFile,
        policies,
        limits: { ...config.limits, issuerTimeoutMs: 1_000 },
        identities: {
          ...config.identities,
          reader: { kind: 'managed-identity', clientId: reader?.clientId ?? '' },
        },
      }),
    },
  })
  let ahead = 0
  Object.defineProperty(bad.clock, 'ms', {
    get: () => Math.floor((Date.now() + ahead) / 1000) * 1000,
  })
  Object.assign(bad, {
    slack: 60,
    publicUrl: world.url,
    path: `${W}/jobs`,
    async advance(ms: number) {
      if (ms !== HOUR_MS) throw new Error('this clock moves by hours')
      ahead += ms
      await letAnHourPass(world.gateway, ahead)
    },
  })
  const { host } = new URL(world.url)
  const { ca } = world.lab.certificates
  return {
    bad,
    world,
    ask(request, path = `${W}/jobs`) {
      const query = request.url.slice(request.url.indexOf('?') + 1).replace(/^api-version=1$/, '')
      const headers: string[] = ['Host', host]
      for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
        const [name = '', value = ''] = request.rawHeaders.slice(i, i + 2)
        if (name !== 'Host') headers.push(name, value)
      }
      const target = `${path}?${VERSION}${query === '' ? '' : `&${query}`}`
      return sendRaw(world.url, ca, target, headers, request.method)
    },
    async close() {
      await world.close()
      await bad.close()
      await rm(directory, { recursive: true })
    },
  }
}

export const outcomeOf = (answer: Answer): string =>
  answer.status < 300 ? 'accepted' : answer.code

/** What never reaches the stage that the case is about. */
const WIRE: Readonly<Record<string, { status: number; code: string }>> = {
  // a line break ends a header, so that this is no token but a broken header
  '"\\n" in a segment': { status: 400, code: 'bad_request' },
}

export async function judge(
  test: typeof t,
  one: BadTokenCase,
  { bad, world, ask }: Scene,
): Promise<void> {
  await one.prepare?.(bad, async (request) => outcomeOf(await ask(request)))
  const before = world.lab.requests().length
  const parserRefusals = (await world.allRecords()).filter(
    (row) => row['RecordKind'] === 'received',
  )
  const path = one.stage === 'policy' ? `${W}/${one.row === 33 ? 'computes' : 'models'}` : undefined
  const answer = await ask(await one.make(bad), path)
  const expected = Object.hasOwn(WIRE, one.name) ? WIRE[one.name] : one
  test.match(
    { status: answer.status, code: outcomeOf(answer) },
    { status: expected?.status, code: expected?.code },
    answer.text,
  )
  const forwarded = world.lab.requests().slice(before)
  if (one.code === 'accepted') {
    test.equal(forwarded.length, 1, 'it is forwarded once')
    const rows = await world.settled(answer)
    test.same(
      rows.map((row) => row['RecordKind']),
      ['authorized', 'completed'],
    )
    return
  }
  test.same(forwarded, [], 'nothing is forwarded')
  test.equal(
    answer.headers['retry-after'] !== undefined,
    one.status === 503,
    'Retry-After with 503 only',
  )
  if (one.status === 503) test.ok(Number(answer.headers['retry-after']) <= 30, 'and a bounded one')
  const id = answer.headers['x-harness-decision-id']
  if (id === undefined) {
    const all = (await world.allRecords()).filter((row) => row['RecordKind'] === 'received')
    test.equal(all.length, parserRefusals.length + 1, 'exactly one record')
    return
  }
  const rows = await world.records(String(id))
  // bytes that never became a request have the record and the id of such
  if (rows[0]?.['RecordKind'] === 'received') {
    test.equal(rows.length, 1, 'exactly one record')
    test.match(rows[0], { RefusalCode: expected?.code, Status: expected?.status })
    return
  }
  test.match(rows, [
    { RecordKind: 'refused', RefusalCode: expected?.code, Status: expected?.status },
  ])
  test.equal(rows.length, 1, 'exactly one record')
  const challenge = answer.headers['www-authenticate'] ?? ''
  if (one.status === 401) test.match(challenge, /^(Bearer|DPoP) .*resource_metadata="https:/)
  if (one.code === 'invalid_request') test.match(challenge, /^Bearer .*error="invalid_request"/)
  test.equal(/claims="/.test(challenge), one.code === 'insufficient_claims')
}
