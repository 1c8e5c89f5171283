/**
 * What a decision costs, with and without the cache, as policies grow over 500 workspaces.
 * @module
 */
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Operation } from '../src/vocabulary/operation.ts'
import type { Principal } from '../src/identity/principal.ts'
import { createDecide, type Decide } from '../src/policy/decide.ts'
import { loadPolicy } from '../src/policy/load/load.ts'

/** One line of the report, in CPU microseconds a decision: the best of the rounds, since other work only adds. */
export interface PolicyRow {
  readonly policies: number
  readonly workspaces: number
  readonly loadMs: number
  /** Cedar's answer to a question without policies and entities, for comparison: nothing can be cheaper here. */
  readonly floorUs: number
  /** The same question again: from the cache. */
  readonly cachedUs: number
  /** A question that the cache does not know, but that differs from an earlier one only by ids that no policy names. */
  readonly alikeUs: number
  /** A question that Cedar has to answer, in a workspace that was asked before. */
  readonly uncachedUs: number
  /** The first question in a workspace: its slice is parsed. */
  readonly firstUs: number
  /** A refusal that only Cedar can answer, with what would have been needed. */
  readonly refusedUs: number
}

const WORKSPACES = 500
const ROUNDS = 7
const NOTHING = 'nothing'
const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000000'
const IDENTITIES = ['ml-reader', 'ml-writer']

const groupOf = (workspace: number): string => `${SUBSCRIPTION}/resourcegroups/rg-${workspace % 50}`
const workspaceId = (workspace: number): string =>
  `${groupOf(workspace)}/providers/microsoft.machinelearningservices/workspaces/ws-${workspace}`

/** Policies as they are shipped, and bindings up to the number asked for, each workspace with its own groups. */
async function write(directory: string, source: string, policies: number): Promise<void> {
  await cp(source, directory, { recursive: true })
  const templates = (await readdir(join(directory, 'templates'))).map((name) => name.slice(0, -6))
  const lines = [`identities: [${IDENTITIES.join(', ')}]`, 'bindings:']
  for (let i = 0; i < policies - 1; i++) {
    const workspace = i % WORKSPACES
    const template = templates[Math.floor(i / WORKSPACES) % templates.length]
    const team = Math.floor(i / WORKSPACES / templates.length)
    lines.push(
      `  - { id: b${i}, template: ${template}, principal: 'Group::"entra/t/${template}-${team}-${workspace}"', resource: 'Workspace::"${workspaceId(workspace)}"' }`,
    )
  }
  await writeFile(join(directory, 'bindings.yaml'), `${lines.join('\n')}\n`)
}

function scientist(workspace: number): Principal {
  const groups = Array.from({ length: 20 }, (_, i) => `entra/t/something-else-${i}`)
  return {
    kind: 'user',
    id: `entra/t/person-${workspace}`,
    issuer: 'entra',
    tenant: 't',
    client: null,
    groups: [...groups, `entra/t/compute-0-${workspace}`, `entra/t/data-scientist-0-${workspace}`],
    roles: [],
    scopes: [],
    resourceId: null,
    workspace: null,
    methods: [],
    issuedAt: 0,
    expiresAt: 0,
    authenticatedAt: null,
    tokenId: null,
    challengeable: false,
  }
}

function readJob(workspace: number, job: number): Operation {
  const id = workspaceId(workspace)
  return {
    action: 'Microsoft.MachineLearningServices/workspaces/jobs/read',
    effect: 'read',
    resource: {
      type: 'Job',
      id: `${id}/jobs/job-${job}`,
      ancestors: [
        { type: 'Workspace', id },
        { type: 'ResourceGroup', id: groupOf(workspace) },
        { type: 'Subscription', id: SUBSCRIPTION },
      ],
    },
    family: 'arm',
    secrets: false,
    longRunning: false,
    scope: id,
    inspectable: false,
  }
}

/** CPU microseconds of one call in the best of the rounds, system time included. */
function measure(calls: number, call: (i: number) => void): number {
  const rounds: number[] = []
  // the first round is for the compilers, of JavaScript and of Cedar's WebAssembly alike
  for (let i = 0; i < calls; i++) call(ROUNDS * calls + i)
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    for (let i = 0; i < calls; i++) call(round * calls + i)
    const { user, system } = process.cpuUsage(start)
    rounds.push((user + system) / calls)
  }
  return Math.min(...rounds)
}

function askNothing(): void {
  statefulIsAuthorized({
    principal: { type: 'User', id: 'u' },
    action: { type: 'Action', id: 'a' },
    resource: { type: 'Job', id: 'j' },
    context: {},
    entities: [],
    preparsedPolicySetId: NOTHING,
    validateRequest: false,
  })
}

function permitted(decide: Decide, principal: Principal, operation: Operation): boolean {
  return decide(principal, operation, {}).permit !== null
}

/** Loads sets of each size from a real disk and measures decisions. @param source the shipped policies */
export async function benchPolicy(
  source: string,
  sizes: readonly number[] = [30, 1000, 10_000],
): Promise<PolicyRow[]> {
  const rows: PolicyRow[] = []
  preparsePolicySet(NOTHING, { staticPolicies: {}, templates: {}, templateLinks: [] })
  for (const policies of sizes) {
    const directory = await mkdtemp(join(tmpdir(), 'harness-bench-'))
    try {
      await write(directory, source, policies)
      const options = {
        directory,
        bindings: join(directory, 'bindings.yaml'),
        identities: IDENTITIES,
      }
      const before = performance.now()
      const set = await loadPolicy(options)
      const loadMs = performance.now() - before
      const decide = createDecide(set)
      // with few bindings only the first workspaces have any
      const used = Math.min(WORKSPACES, policies - 1)
      const people = Array.from({ length: used }, (_, workspace) => scientist(workspace))
      const person = (i: number): Principal => people[i % used] ?? scientist(0)

      let first = 0
      const start = process.cpuUsage()
      for (let workspace = 0; workspace < used; workspace++) {
        if (!permitted(decide, person(workspace), readJob(workspace, 0))) throw new Error('refused')
        first++
      }
      const { user, system } = process.cpuUsage(start)
      const asked = readJob(1, 0)
      const job = { ...readJob(1, 0), action: 'Microsoft.MachineLearningServices/workspaces/write' }
      rows.push({
        policies,
        workspaces: used,
        loadMs,
        floorUs: measure(1000, askNothing),
        firstUs: (user + system) / first,
        cachedUs: measure(20_000, () => void decide(person(1), asked, {})),
        alikeUs: measure(1000, (i) => void decide(person(i), readJob(i % used, i + 1), {})),
        // a kind that was never asked for is a question that only Cedar can answer
        uncachedUs: measure(1000, (i) => {
          const read = readJob(i % used, i)
          decide(person(i), { ...read, resource: { ...read.resource, type: `Kind${i}` } }, {})
        }),
        refusedUs: measure(1000, (i) => {
          const resource = { ...job.resource, type: `Kind${i}` }
          decide(person(1), { ...job, effect: 'write', resource }, {})
        }),
      })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  return rows
}
