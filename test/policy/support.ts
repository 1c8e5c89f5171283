import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { Effect, Operation } from '../../src/vocabulary/operation.ts'
import type { Principal } from '../../src/identity/principal.ts'
import { PolicyError, type Fault } from '../../src/policy/load/faults.ts'
import { loadPolicy, type LoadOptions } from '../../src/policy/load/load.ts'
import type { PolicySet } from '../../src/policy/load/rules.ts'

export const SUB = '/subscriptions/00000000-0000-0000-0000-000000000000'
export const RG = `${SUB}/resourcegroups/rg-lab`
export const WS = `${RG}/providers/microsoft.machinelearningservices/workspaces/ws-lab`
export const ML = 'Microsoft.MachineLearningServices'
export const SHIPPED = fileURLToPath(new URL('../../policies', import.meta.url))
export const IDENTITIES = ['ml-reader', 'ml-writer']

export function principal(given: Partial<Principal> = {}): Principal {
  return {
    kind: 'user',
    id: 'entra/t/nobody',
    issuer: 'entra',
    tenant: null,
    client: null,
    groups: [],
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
    ...given,
  }
}

const EFFECTS = new Map<string, Effect>([
  ['read', 'read'],
  ['write', 'write'],
  ['delete', 'delete'],
])

/** An operation on a job of `ws-lab`, by the end of its action's name. */
export function operation(action: string, given: Partial<Operation> = {}): Operation {
  return {
    action: `${ML}/${action}`,
    effect: EFFECTS.get(action.split('/').at(-1) ?? '') ?? 'invoke',
    resource: resource('Job', `${WS}/jobs/train`),
    family: 'arm',
    secrets: false,
    longRunning: false,
    scope: WS,
    inspectable: false,
    ...given,
  }
}

export function resource(type: string, id: string): Operation['resource'] {
  const ancestors = [
    { type: 'Workspace', id: id.split('/').slice(0, 9).join('/') },
    { type: 'ResourceGroup', id: id.split('/').slice(0, 5).join('/') },
    { type: 'Subscription', id: id.split('/').slice(0, 3).join('/') },
  ]
  return { type, id, ancestors: ancestors.filter((ancestor) => ancestor.id !== id) }
}

/** Policies on a real disk: file names relative to the directory, with their text. */
export async function writePolicies(
  t: Test,
  files: Readonly<Record<string, string>>,
): Promise<LoadOptions> {
  const directory = t.testdir({ templates: {} })
  for (const [name, text] of Object.entries({ 'bindings.yaml': 'bindings: []\n', ...files })) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
  return { directory, bindings: join(directory, 'bindings.yaml'), identities: IDENTITIES }
}

/** The faults of policies that must not load. */
export async function faultsOf(options: LoadOptions): Promise<readonly Fault[]> {
  try {
    await loadPolicy(options)
  } catch (error) {
    if (error instanceof PolicyError) return error.faults
    throw error
  }
  return []
}

export async function loadFrom(
  t: Test,
  files: Readonly<Record<string, string>>,
): Promise<PolicySet> {
  return loadPolicy(await writePolicies(t, files))
}

/** The shipped policies with bindings of a test's own. */
export async function loadShipped(t: Test, bindings: string): Promise<PolicySet> {
  const directory = t.testdir({ 'bindings.yaml': bindings })
  return loadPolicy({
    directory: SHIPPED,
    bindings: join(directory, 'bindings.yaml'),
    identities: IDENTITIES,
  })
}
