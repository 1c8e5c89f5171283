/**
 * What a document has told: what it says, and what it is known not to say.
 *
 * Sets are told as empty. A single value that a whole document leaves out is known to be absent; one that a PATCH leaves
 * out is not known.
 * @module
 */
import { DOCUMENT_FACTS, bodyFacts } from '../azureml/body/facts.ts'
import type { BodyFacts } from '../azureml/body/collect.ts'
import { plainName } from '../azureml/body/names.ts'
import type { DocumentContext } from '../azureml/body/walk.ts'
import { Refusal } from '../errors.ts'
import type { JsonNode } from '../lib/json/document.ts'
import { memoOf } from '../lib/memo.ts'
import type { Facts } from '../policy/decide.ts'

/**
 * The facts of a whole document that was read.
 * @param asked facts that were looked for; null for all of them
 */
export function toldBy(facts: BodyFacts, asked: ReadonlySet<string> | null = null): Facts {
  return absent(facts, asked === null ? DOCUMENT_FACTS : askedOfDocuments(asked))
}

const askedOfDocuments = memoOf((asked: ReadonlySet<string>) =>
  DOCUMENT_FACTS.filter((fact) => asked.has(fact)),
)

/** The facts of a body that changes a part of what is there: without a word of tags, those stay as they are. */
export function toldByChange(facts: BodyFacts, change: JsonNode): Facts {
  if (facts['tags'] === undefined || namesTags(change)) return facts
  return Object.fromEntries(Object.entries(facts).filter(([name]) => name !== 'tags'))
}

/** The facts of a document that does not exist: none, and that is known. */
export function toldByNone(facts: Facts): Facts {
  return absent(facts, DOCUMENT_FACTS)
}

const OF_BODY: readonly string[] = ['bodyDigest']

/** The facts of a call without a body. */
export function withoutBody(facts: Facts): Facts {
  // as most calls are, which no list has to be made for
  const isPlain = !Object.hasOwn(facts, 'absent') && !Object.hasOwn(facts, 'bodyDigest')
  return isPlain ? { ...facts, absent: OF_BODY } : absent(facts, OF_BODY)
}

function absent(facts: Facts, names: readonly string[]): Facts {
  const known = Object.hasOwn(facts, 'absent') ? facts['absent'] : []
  const others = names.filter((name) => !Object.hasOwn(facts, name))
  if (others.length === 0) return facts
  return { ...facts, absent: [...(typeof known === 'object' ? known : []), ...others] }
}

/**
 * The facts of a document of Azure's.
 * @throws {Refusal} `fact_unknown` if it has one that cannot be told
 */
export function toldByAzure(
  root: JsonNode,
  context: DocumentContext,
  asked: ReadonlySet<string> | null,
): Facts {
  try {
    return toldBy(bodyFacts(root, context, asked))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    throw new Refusal('fact_unknown', `what azure has there cannot be judged: ${error.message}`, {
      remedy: 'ask who keeps the policies for a permit that does not depend on it',
      cause: error,
    })
  }
}

/**
 * The facts of what a change leaves: those that it names, and what it does not name as it was.
 * @param present facts of the document before the change
 * @param own facts of the body of a PATCH
 * @param change that body
 */
export function merged(present: Facts, own: Facts, change: JsonNode): Facts {
  const tagged = namesTags(change)
  const said = Object.entries(own).filter(([name, value]) =>
    name === 'tags' ? tagged : typeof value !== 'object' || value.length > 0,
  )
  // a PATCH that names no image says nothing of those that are there
  const unpinned = own['imagesUnpinned'] === true || present['imagesUnpinned'] === true
  return { ...present, ...Object.fromEntries(said), imagesUnpinned: unpinned }
}

/** Whether a change sets tags, of the resource itself or of its properties. */
function namesTags(change: JsonNode): boolean {
  if (change.kind !== 'object') return false
  return change.members.some(({ key, value }) => {
    const name = plainName(key)
    return name === 'tags' || (name === 'properties' && namesTags(value))
  })
}
