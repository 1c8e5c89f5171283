/**
 * Judges one answer of Azure's: each item of a list by itself, a single document as a whole.
 *
 * Policy permitted the call before anything was known of what it returns. It is asked again here with the facts of
 * each document, so that a list shows nothing that its caller may not read by name.
 * @module
 */
import { withItems, withoutMember } from '../../azureml/body/items.ts'
import { parseJson, type JsonArray, type JsonNode } from '../../lib/json/document.ts'
import type { Progress } from '../../exchange.ts'
import type { Screen } from '../../forward/screen.ts'
import { Refusal } from '../../errors.ts'

/** JSON values in one answer: a page of a list has more of them than a body that somebody wrote. */
const MAX_VALUES = 400_000

/** What an answer has to be judged by. */
export interface Found {
  /** The list that items are left out of; null if the documents are passed or refused as a whole. */
  readonly list: JsonArray | null
  readonly documents: readonly JsonNode[]
}

export interface ScreenOptions {
  readonly progress: Progress
  /** Null if they are not where they should be. */
  readonly find: (root: JsonNode) => Found | null
  /** Looks up what judging needs besides the answer; a refusal here refuses the whole answer. */
  readonly prepare?: (documents: readonly JsonNode[]) => Promise<void>
  /** Whether Azure leaves a list out of its answer where it is empty. */
  readonly omitsEmpty?: boolean
  /** @throws {Refusal} if the caller may not read this, or nobody can tell */
  readonly judge: (document: JsonNode) => void
}

export function createScreen(options: ScreenOptions): Screen {
  const { progress, find, prepare, judge, omitsEmpty = false } = options

  function mayRead(document: JsonNode): boolean {
    try {
      judge(document)
      return true
    } catch (error) {
      // what cannot be judged is not shown
      if (error instanceof Refusal) return false
      throw error
    }
  }

  return async (body) => {
    const root = parse(body)
    const found = find(root)
    if (found === null) {
      throw new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge')
    }
    const { list, documents } = found
    await prepare?.(documents)
    if (list === null) {
      for (const document of documents) judge(document)
      return documents.length === 0 ? Buffer.from(body) : body
    }
    const kept = documents.filter(mayRead)
    const leftOut = documents.length - kept.length
    progress.leftOut(leftOut)
    // an emptied page is the one of a list that has nothing
    if (kept.length === 0 && omitsEmpty && root.kind === 'object')
      return withoutMember(body, root, list)
    // a copy, even if it is the same: headers about Azure's bytes would tell whether something was left out
    return leftOut === 0 ? Buffer.from(body) : withItems(body, list, kept)
  }
}

function parse(body: Buffer): JsonNode {
  try {
    return parseJson(body, MAX_VALUES)
  } catch (error) {
    throw new Refusal('upstream_bad_answer', 'azure answered in a way that policy cannot judge', {
      cause: error,
      inner: error instanceof Error ? error.message : 'not JSON',
    })
  }
}
