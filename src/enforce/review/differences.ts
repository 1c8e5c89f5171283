/**
 * What a call would change, for people: the places at which its body differs from what is there now. Secrets are masked.
 * @module
 */
import type { Difference } from '../../approvals/documents.ts'
import { namedSecret } from '../../azureml/answers/secret-names.ts'
import { withoutSecrets } from '../../azureml/answers/secrets.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { showPointer } from '../../lib/json/pointer.ts'

type Path = readonly (string | number)[]

const MAX_DIFFERENCES = 200
const MAX_CHARACTERS = 300
/** That it differs can be seen, and nothing else. */
const HIDDEN = '(hidden)'
/** Members whose members are settings of somebody's: their names say nothing of what is secret. */
const SETTINGS = new Set(['environmentvariables'])

/** Members that Azure writes, in lower case: they say nothing of what was configured, and change by themselves. */
const OF_AZURE = new Set([
  'systemdata',
  'etag',
  'provisioningstate',
  'provisioningerrors',
  'createdat',
  'createdby',
  'createdtime',
  'creationtime',
  'lastmodifiedat',
  'lastmodifiedby',
  'last_updated_timestamp',
  'creation_timestamp',
  'modifiedtime',
  'lastupdatedtime',
])
/** The same at the top of a document, where they name it. */
const NAMES_IT = new Set(['id', 'name', 'type'])
/** What answers have besides, and bodies never. */
const ONLY_ANSWERED = new Set([
  'scoringuri',
  'swaggeruri',
  'mirrortraffic',
  'principalid',
  'tenantid',
  'status',
  'kind',
])

/** Whether a member of a document says nothing of what somebody configured. */
export function isOfAzure(within: readonly string[], name: string): boolean {
  if (OF_AZURE.has(name)) return true
  if (within.length === 0 && NAMES_IT.has(name)) return true
  return name.startsWith('harness.') && within.at(-1) === 'tags'
}

function isOfAzureAt(path: Path): boolean {
  const names = path.map((step) => String(step).toLowerCase())
  const name = names.pop()
  return name !== undefined && isOfAzure(names, name)
}

/**
 * @param present null if nothing is there
 * @param body null for a call without one
 * @param whole the body takes the place of what is there; otherwise it says what changes
 */
export function differencesOf(
  present: JsonNode | null,
  body: JsonNode | null,
  whole: boolean,
): { readonly differences: Difference[]; readonly more: number } {
  const found: Difference[] = []
  let all = 0
  const note = (path: Path, from: JsonNode | null, to: JsonNode | null): void => {
    all++
    if (all > MAX_DIFFERENCES) return
    found.push({ at: showPointer(path), from: shown(path, from), to: shown(path, to) })
  }
  if (body !== null) compare([], present, body, whole, note)
  return { differences: found, more: all - found.length }
}

type Note = (path: Path, from: JsonNode | null, to: JsonNode | null) => void

function compare(
  path: Path,
  from: JsonNode | null,
  to: JsonNode | null,
  whole: boolean,
  note: Note,
): void {
  if (isOfAzureAt(path)) return
  if (from?.kind === 'object' && (to === null || to.kind === 'object')) {
    const names = new Map(from.members.map(({ key, value }) => [key.toLowerCase(), { key, value }]))
    const seen = new Set<string>()
    for (const { key, value } of to === null ? [] : to.members) {
      seen.add(key.toLowerCase())
      compare([...path, key], names.get(key.toLowerCase())?.value ?? null, value, whole, note)
    }
    if (!whole) return
    for (const [lower, { key, value }] of names)
      if (!seen.has(lower) && !ONLY_ANSWERED.has(lower))
        compare([...path, key], value, null, whole, note)
    return
  }
  if (to?.kind === 'object' && to.members.length > 0) {
    for (const { key, value } of to.members) compare([...path, key], null, value, whole, note)
    return
  }
  if (textOf(from) !== textOf(to)) note(path, from, to)
}

/** A value's text, without spaces; null for what is not there, which `null` says, too. */
function textOf(node: JsonNode | null): string | null {
  if (node === null || node.kind === 'null') return null
  if (node.kind === 'string') return JSON.stringify(node.value)
  if (node.kind === 'array') return `[${node.items.map(textOf).join(',')}]`
  if (node.kind === 'object')
    return `{${node.members.map(({ key, value }) => `${JSON.stringify(key)}:${textOf(value)}`).join(',')}}`
  return node.text
}

function shown(path: Path, node: JsonNode | null): string | null {
  const text = textOf(node)
  if (text === null) return null
  const names = path.map((step) => String(step))
  const isSetting = names.slice(0, -1).some((name) => SETTINGS.has(name.toLowerCase()))
  if (isSetting || names.some((name) => namedSecret(name) === 'secret')) return HIDDEN
  const safe = withoutSecrets(text)
  return safe.length > MAX_CHARACTERS
    ? `${safe.slice(0, MAX_CHARACTERS).toWellFormed()}... (${safe.length} characters)`
    : safe
}
