/**
 * Which policy definitions of Azure's are in force for a workspace, by assignments of their own or in an initiative.
 * @module
 */
import { fieldsOf, type Members } from '../../../lib/strict-json.ts'
import type { Azure } from '../azure.ts'
import { inside, is, isAtOrAbove, listIn, principalsIn, text } from './subject.ts'

const API_VERSION = '2023-04-01'

/** Names (the last segment of their ids, in lower case) of definitions that act: their effect is neither off nor only to report. @throws Unread */
export async function assignedPolicies(azure: Azure, id: string): Promise<ReadonlySet<string>> {
  const assignments = await readAssignments(azure, id)
  const found = new Set<string>()
  for (const one of assignments) {
    const properties = inside(one, 'properties')
    const excepted = listIn(properties, 'notScopes').some(
      (scope) => typeof scope === 'string' && isAtOrAbove(scope, id),
    )
    if (excepted || is(properties, 'enforcementMode', 'DoNotEnforce')) continue
    for (const name of await inForceOf(azure, properties)) found.add(name)
  }
  return found
}

/** Assignments at the workspace and above it. @throws Unread */
const readAssignments = (azure: Azure, id: string): Promise<readonly Members[]> =>
  azure.list({
    id: `${id}/providers/Microsoft.Authorization/policyAssignments`,
    apiVersion: API_VERSION,
    permission: 'Microsoft.Authorization/policyAssignments/read',
  })

/** Object ids of the identities with which Azure Policy changes and adds things: nobody else gets their tokens. @throws Unread */
export async function policyPrincipals(azure: Azure, id: string): Promise<readonly string[]> {
  return (await readAssignments(azure, id)).flatMap(principalsIn)
}

async function inForceOf(azure: Azure, assignment: Members): Promise<readonly string[]> {
  const id = text(assignment, 'policyDefinitionId')
  const given = inside(assignment, 'parameters')
  if (!/\/policysetdefinitions\//iu.test(id)) {
    const effect = text(inside(given, 'effect'), 'value')
    return (await isActing(azure, id, effect)) ? [nameIn(id)] : []
  }
  const set = await azure.get({
    id,
    apiVersion: API_VERSION,
    permission: 'Microsoft.Authorization/policySetDefinitions/read',
  })
  const properties = set === null ? fieldsOf(null) : inside(set, 'properties')
  const defaults = inside(properties, 'parameters')
  const found: string[] = []
  for (const member of listIn(properties, 'policyDefinitions').map(fieldsOf)) {
    const written = text(inside(member, 'parameters', 'effect'), 'value')
    const parameter = parameterIn(written)
    const effect =
      parameter === null
        ? written
        : text(inside(given, parameter), 'value') ||
          text(inside(defaults, parameter), 'defaultValue')
    const definition = text(member, 'policyDefinitionId')
    if (await isActing(azure, definition, effect)) found.push(nameIn(definition))
  }
  return found
}

/** The parameter that an expression stands for; null if it is none. */
const parameterIn = (written: string): string | null =>
  /^\[parameters\('([^']+)'\)\]$/u.exec(written)?.[1] ?? null

/** Whether a definition does more than to report. @param effect as assigned; empty for the definition's own */
async function isActing(azure: Azure, id: string, effect: string): Promise<boolean> {
  const effective = effect === '' ? await ownEffect(azure, id) : effect
  return !['', 'disabled', 'audit', 'auditifnotexists'].includes(effective.toLowerCase())
}

/** The effect that a definition has if its assignment says none; empty if that cannot be told. */
async function ownEffect(azure: Azure, id: string): Promise<string> {
  const read = await azure.get({
    id,
    apiVersion: API_VERSION,
    permission: 'Microsoft.Authorization/policyDefinitions/read',
  })
  if (read === null) return ''
  const properties = inside(read, 'properties')
  const written = text(inside(properties, 'policyRule', 'then'), 'effect')
  const parameter = parameterIn(written)
  return parameter === null
    ? written
    : text(inside(properties, 'parameters', parameter), 'defaultValue')
}

const nameIn = (id: string): string => id.slice(id.lastIndexOf('/') + 1).toLowerCase()
