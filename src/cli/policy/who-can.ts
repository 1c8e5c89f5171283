/**
 * `can` and `who-can`: what a principal may do on something, and who may do one thing there.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import { didYouMean } from '../../lib/suggest.ts'
import { nameOf, PRINCIPALS } from '../../policy/load/references.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { Action } from '../../policy/load/words.ts'
import {
  actionNamed,
  memberOf,
  nearestAction,
  whatCan,
  whoCan,
} from '../../policy/review/who-can.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Cell, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import { policyOf, type PolicyValues } from './options.ts'

interface Asked extends PolicyValues {
  readonly on: string
  readonly output: Output
}

export interface CanOptions extends Asked {
  readonly who: string
  readonly list?: true | undefined
}

/** Everybody who may do the action. Exit status 1 if nobody may. */
export async function whoCanDo(name: string, options: Asked, io: Io): Promise<number> {
  const { set } = await policyOf(options, io)
  const found = whoCan(set, actionIn(set, name), placeIn(set, options.on))
  const rows = found.map(({ principal, may, policies }) => [
    `${principal.type} ${nameOf(set.bindings.names, principal) ?? principal.id}`,
    may,
    policies.join(', '),
  ])
  show(io, options.output, {
    json: () => found,
    table: () => (rows.length === 0 ? ['nobody'] : tableLines(['WHO', 'MAY', 'BY'], rows)),
    tsv: () => rows,
  })
  return found.length === 0 ? EXIT.failed : EXIT.ok
}

/** Whether a principal may do an action, or all that it may do. Exit status 1 if it may not, or may nothing. */
export async function can(name: string | undefined, options: CanOptions, io: Io): Promise<number> {
  if ((name === undefined) !== (options.list === true))
    throw new UsageError('either an ACTION or --list is needed')
  const { set } = await policyOf(options, io)
  const principal = await principalIn(options.who, set, io)
  const actions = name === undefined ? set.words.actions : [actionIn(set, name)]
  const all = whatCan(set, principal, actions, placeIn(set, options.on))
  const shown = name === undefined ? all.filter(({ may }) => may !== 'refuse') : all
  const rows = shown.map(({ action, may, policies }): readonly Cell[] => [
    action.id.replace(`${PROVIDER}/`, ''),
    may,
    policies.join(', '),
  ])
  show(io, options.output, {
    json: () => shown.map(({ action, ...rest }) => ({ action: action.id, ...rest })),
    table: () => (rows.length === 0 ? ['nothing'] : tableLines(['ACTION', 'MAY', 'BY'], rows)),
    tsv: () => rows,
  })
  return shown.some(({ may }) => may !== 'refuse') ? EXIT.ok : EXIT.failed
}

/** An action by its name, with or without the provider, in any case. */
function actionIn(set: PolicySet, name: string): Action {
  const found = actionNamed(set, name)
  if (found !== null) return found
  const near = nearestAction(set, name)
  throw new UsageError(
    `unknown action "${name}"${near === null ? '; policy matrix lists them' : `; did you mean "${near}"?`}`,
  )
}

/** An ARM id, or a workspace by the name that `bindings.yaml` gives to it. */
function placeIn(set: PolicySet, on: string): string {
  if (on.startsWith('/subscriptions/')) return on.toLowerCase()
  const named = set.bindings.names.get(`Workspace ${on}`)
  if (named !== undefined) return named
  throw new UsageError(
    `"${on}" is neither an ARM id nor a workspace that bindings.yaml has a name for`,
  )
}

const UID = /^([A-Z][A-Za-z]*)::"?([^"]+)"?$/u

/** `Group::"scientists"`, `User::"entra/..."`, or a file with a principal's JSON. @throws UsageError */
async function principalIn(who: string, set: PolicySet, io: Io): Promise<Principal> {
  if (who === '') throw new UsageError('--who is Type::"id", or a file with a principal as JSON')
  const [, type = '', id = ''] = UID.exec(who) ?? []
  if (type === '') {
    const { principalIn: principalInFile } = await import('../explain/asked.ts')
    return principalInFile(who, io)
  }
  if (!PRINCIPALS.includes(type))
    throw new UsageError(`"${type}" is no kind of principal${didYouMean(type, PRINCIPALS)}`)
  const named = set.bindings.names.get(`${type} ${id}`)
  // every id has its issuer, or the subscription, before a slash
  if (named === undefined && !id.includes('/')) {
    const start = `${type} `
    const names = [...set.bindings.names.keys()].filter((name) => name.startsWith(start))
    const known = names.map((name) => name.slice(start.length))
    throw new UsageError(`no ${type} is called "${id}"${didYouMean(id, known)}`)
  }
  return memberOf({ type, id: named ?? id })
}
