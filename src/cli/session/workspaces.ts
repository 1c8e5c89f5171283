/**
 * The workspaces that the signed-in person may use, as the gateway tells them, so that nobody has to know ARM ids.
 * @module
 */
import { list, object, askGateway, text } from '../access/ask-gateway.ts'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'
import type { Wanted } from './credential.ts'
import { wantedWorkspace } from './variables.ts'

/** Somewhere that a role is bound: a workspace, or what all workspaces inside of it inherit. */
export interface Place {
  readonly type: string
  readonly name: string
  /** ARM id, as Azure spells it. */
  readonly id: string
  readonly roles: readonly string[]
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$/

/** Places at which the person has a role, in the order of their names. @throws Problem if the gateway does not say */
export async function placesOf(io: Io, wanted: Wanted): Promise<readonly Place[]> {
  const answer = await askGateway(io, wanted, '/_harness/whoami')
  const places = new Map<string, Place>()
  for (const one of list(answer.get('access'))) {
    const members = object(one)
    const resource = object(members.get('resource'))
    const id = spelled(text(resource.get('id')))
    const before = places.get(id)?.roles ?? []
    const roles = [...new Set([...before, text(members.get('template'))])]
    const name = text(members.get('name'))
    places.set(id, { type: text(resource.get('type')), name, id, roles })
  }
  return [...places.values()].toSorted((a, b) => a.name.localeCompare(b.name))
}

/** The gateway writes ids in lower case; azureml-mlflow looks for Azure's own spelling. */
function spelled(id: string): string {
  return id
    .replace('/resourcegroups/', '/resourceGroups/')
    .replace('/microsoft.machinelearningservices/', '/Microsoft.MachineLearningServices/')
}

/** Says where the person may work. It is a help, and no reason to fail. */
export async function sayPlaces(io: Io, wanted: Wanted): Promise<void> {
  let places: readonly Place[]
  try {
    places = await placesOf(io, wanted)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    io.err(`which workspaces you may use is not known: ${error.message}`)
    return
  }
  if (places.length === 0) io.err('you have no access to any workspace yet')
  else io.err('you may use (with --workspace NAME):')
  for (const { type, name, roles } of places) {
    const what = type === 'Workspace' ? name : `all in ${WORDS[type] ?? type} ${name}`
    io.err(`  ${what}  ${roles.join(', ')}`)
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ResourceGroup: 'resource group',
  Subscription: 'subscription',
  Registry: 'registry',
}

/**
 * The ARM id of the workspace that is meant: by its id, by its name, or the one that an Azure ML job runs in; null if
 * none is.
 * @throws UsageError for what is neither @throws Problem for a name that is not known, or that several workspaces have
 */
export async function chosenWorkspace(
  io: Io,
  wanted: Wanted,
  given: string | undefined,
): Promise<string | null> {
  if (given === undefined || !NAME.test(given)) return wantedWorkspace(io, given)
  const places = await placesOf(io, wanted)
  const workspaces = places.filter(({ type }) => type === 'Workspace')
  const found = workspaces.filter(({ name }) => name === given.toLowerCase())
  const [one] = found
  if (one !== undefined && found.length === 1) return one.id
  const names = workspaces.map(({ name }) => name).join(', ')
  throw new Problem(
    found.length === 0
      ? `you have no role on a workspace called "${given}"${names === '' ? '' : `; on these you have: ${names}`}`
      : `${found.length} workspaces are called "${given}"`,
    'give --workspace its ARM id: azureml-harness whoami --output json has it, and so has the portal',
  )
}
