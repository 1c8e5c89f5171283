/**
 * What a gateway publishes of its issuers, kept as it was at the first use: a later change is shown, and refused until
 * the person confirms it.
 * @module
 */
import { join } from 'node:path'
import { isProfileName } from '../../vocabulary/profiles.ts'
import { Problem } from '../problem.ts'
import type { Advertised } from '../sign-in/advertised.ts'
import { readPrivate, withLock, writePrivate } from './home.ts'

const FILE = 'gateways.json'

/** By the gateway's origin. */
type Known = ReadonlyMap<string, readonly Advertised[]>

export interface PublishedOptions {
  readonly home: string
  /** The gateway's origin. */
  readonly gateway: string
  /** All that it publishes, and the one that is about to be used. */
  readonly issuers: readonly Advertised[]
  readonly chosen: Advertised
  /** The person has said that a change is right. */
  readonly confirmed: boolean
  readonly signal: AbortSignal
  /** Shows a line to the person. */
  readonly say: (line: string) => void
}

/**
 * Refuses an issuer that is not as this gateway published it when it was first used here.
 * @throws Problem that says how to confirm; the lines before it say what has changed
 */
export async function checkPublished(options: PublishedOptions): Promise<void> {
  const { home, gateway, issuers, chosen, confirmed, say } = options
  await withLock(home, options.signal, async () => {
    const known = await readKnown(home)
    const before = known.get(gateway)
    const differences = before === undefined ? [] : differencesOf(before, chosen)
    if (before !== undefined && differences.length === 0) return
    for (const line of differences) say(line)
    if (before !== undefined && !confirmed)
      throw new Problem(
        `${gateway} publishes another issuer than when it was first used here`,
        'ask its operators whether they changed it; if they did, repeat with --accept-change',
      )
    // what was confirmed is what was shown: the others stay as they were
    const others = before?.filter(({ name }) => name !== chosen.name)
    await write(home, new Map([...known, [gateway, others?.concat(chosen) ?? issuers]]))
  })
}

/** What is different, a line each; none if it was published like this before. */
function differencesOf(before: readonly Advertised[], chosen: Advertised): readonly string[] {
  const same = before.find(({ name }) => name === chosen.name)
  if (same === undefined) return [`issuer "${chosen.name}" was not published before`]
  const was = new Map(Object.entries(same))
  return Object.entries(chosen).flatMap(([field, value]) => {
    const [now, then] = [JSON.stringify(value), JSON.stringify(was.get(field))]
    return now === then ? [] : [`issuer "${chosen.name}": ${field} was ${then}, is now ${now}`]
  })
}

async function readKnown(home: string): Promise<Known> {
  const path = join(home, FILE)
  const text = await readPrivate(path)
  if (text === null) return new Map()
  const broken = (): Problem =>
    new Problem(`"${path}" is damaged`, 'remove it: what gateways publish is then trusted anew')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw broken()
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw broken()
  const known = new Map<string, readonly Advertised[]>()
  for (const [gateway, issuers] of Object.entries(value)) {
    const list: unknown = issuers
    if (!Array.isArray(list) || !list.every(isAdvertised)) throw broken()
    known.set(gateway, list)
  }
  return known
}

async function write(home: string, known: Known): Promise<void> {
  await writePrivate(join(home, FILE), `${JSON.stringify(Object.fromEntries(known), null, 1)}\n`)
}

function isAdvertised(value: unknown): value is Advertised {
  if (typeof value !== 'object' || value === null) return false
  const fields = new Map<string, unknown>(Object.entries(value))
  const scopes = fields.get('scopes')
  const clientId = fields.get('clientId')
  return (
    ['name', 'issuer', 'audience'].every((name) => typeof fields.get(name) === 'string') &&
    isProfileName(fields.get('profile')) &&
    (clientId === null || typeof clientId === 'string') &&
    Array.isArray(scopes) &&
    scopes.every((scope) => typeof scope === 'string')
  )
}
