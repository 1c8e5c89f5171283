/**
 * All checks of a workspace, in the order to mend what they find.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { problemOf, Unread, type Azure } from '../azure.ts'
import { checkBypass, readBypass, type Bypass } from './bypass.ts'
import { checkComputeIdentities, checkIdleShutdown, checkLocalAuth, checkSsh } from './computes.ts'
import { checkEndpoints } from './endpoints.ts'
import { checkDenyAssignments, checkDiagnostics, checkPolicies } from './guards.ts'
import {
  checkDns,
  checkLegacyMode,
  checkManagedNetwork,
  checkPrivateEndpoint,
  checkPublicAccess,
} from './network.ts'
import { checkPlace } from './place.ts'
import { checkClients, checkReach } from './reach.ts'
import { checkWorkspaceRoles } from './roles.ts'
import { checkDatastores, checkStorage } from './storage.ts'
import { inside, inWorkspace, readComputes, type GatewaySide, type Subject } from './subject.ts'

export interface ExamineWorkspaceOptions {
  /** ARM id. */
  readonly id: string
  readonly azure: Azure
  readonly gateway: GatewaySide | null
  /** Object ids of principals that may write around the gateway. */
  readonly accepted: ReadonlySet<string>
  /** Sees each check's findings as they come. */
  readonly report: (findings: readonly Finding[]) => void
}

export interface Examined {
  readonly findings: readonly Finding[]
  /** Who can write around the gateway, accepted or not. */
  readonly bypass: readonly Bypass[]
  /** Null if the workspace cannot be read. */
  readonly subject: Subject | null
}

type Check = readonly [name: string, run: (subject: Subject) => Promise<readonly Finding[]>]

/** Runs the checks one after the other; changes nothing anywhere. */
export async function examineWorkspace(options: ExamineWorkspaceOptions): Promise<Examined> {
  const { id, azure, report } = options
  const all: Finding[] = []
  let bypass: readonly Bypass[] = []
  const add = (findings: readonly Finding[]): void => {
    all.push(...findings)
    report(findings)
  }
  const attempt = async (name: string, run: () => Promise<readonly Finding[]>): Promise<void> => {
    try {
      add(await run())
    } catch (error) {
      if (!(error instanceof Unread)) throw error
      add([unverifiedBy(name, error)])
    }
  }
  const checks: readonly Check[] = [
    ['workspace', checkPlace],
    ['roles', checkWorkspaceRoles],
    [
      'bypass',
      async (about) => {
        bypass = await readBypass(about)
        return checkBypass(about, bypass)
      },
    ],
    ['public-network', checkPublicAccess],
    ['private-endpoint', checkPrivateEndpoint],
    ['dns', checkDns],
    ['managed-network', checkManagedNetwork],
    ['v1-legacy-mode', checkLegacyMode],
    ['storage', checkStorage],
    ['datastores', checkDatastores],
    ['local-authentication', checkLocalAuth],
    ['ssh', checkSsh],
    ['idle-shutdown', checkIdleShutdown],
    ['endpoints', checkEndpoints],
    ['diagnostics', checkDiagnostics],
    ['azure-policy', checkPolicies],
    ['deny-assignments', checkDenyAssignments],
    ['compute-identities', checkComputeIdentities],
    ['bindings', checkReach],
    ['clients', checkClients],
  ]
  let subject: Subject | null = null
  await attempt('workspace', async () => {
    const workspace = await azure.get(inWorkspace(id))
    if (workspace === null) return [notThere(id)]
    const computes = memo(() => readComputes(azure, id))
    const properties = inside(workspace, 'properties')
    subject = { ...options, workspace, properties, computes }
    return []
  })
  if (subject === null) return { findings: all, bypass, subject }
  const about: Subject = subject
  for (const [name, run] of checks) await attempt(name, () => run(about))
  return { findings: all, bypass, subject }
}

/** Whether nothing was found that lets somebody past the gateway, and nothing is unknown. */
export function isSound(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status === 'ok' || status === 'warning')
}

const notThere = (id: string): Finding =>
  findingsOf('workspace').failed(
    id,
    'is not there, or none of the identities that ask may see it',
    'compare the id with the portal’s; then give the identity the role Reader there',
  )

/** What cannot be read is unknown, and not right. */
function unverifiedBy(name: string, error: Unread): Finding {
  const { next } = problemOf(error)
  return findingsOf(name).unverified(error.scope, `cannot be read: ${error.message}`, next)
}

function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => (made ??= make())
}
