/**
 * Datastores as their callers can use them: who may not read the keys of one is shown it without credentials.
 *
 * Azure's Python SDK asks for the keys of every datastore that is said to have some, and fails without them; to one without
 * credentials it goes as the person. What was shown so is not to remove the keys when it is written back.
 * @module
 */
import { classifyArm } from '../azureml/classify/arm.ts'
import { isCollection, itemOperation, itemsOf } from '../azureml/body/items.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { AskAzure, Via } from '../forward/ask.ts'
import { memberOf, parseJson, type JsonNode } from '../lib/json/document.ts'
import { after, type Pending } from '../lib/pending.ts'
import type { Decide, Facts } from '../policy/decide.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { applyEdits, type Edit } from './effects/edit.ts'
import type { Gathered } from './enforce.ts'
import type { OwnRule } from './own-rules.ts'
import { askPresent } from './present-document.ts'
import { apiOf, isClassified, type Classified } from './what-must-be-known.ts'

export interface DatastoreCredentialsOptions {
  readonly decide: Decide
  readonly callFacts: (exchange: Exchange) => Facts
  readonly ask: AskAzure
}

const NONE = '{"credentialsType":"None"}'
/** JSON values in a page of a list. */
const MAX_VALUES = 400_000

/** Shows datastores without their credentials to who may not have these, and keeps what is written back from removing them. */
export function datastoreCredentials(options: DatastoreCredentialsOptions): OwnRule {
  /** Whether policy lets the caller have the keys of this datastore. */
  function mayHaveKeys(exchange: Classified, { resource, family }: Operation): boolean {
    const path = `${resource.id}/listSecrets`.slice(1).split('/')
    const facts = options.callFacts(exchange)
    return (
      options.decide(exchange.principal, classifyArm('POST', path, family), facts).permit !== null
    )
  }

  /** What takes the credentials out of one datastore; null if it has none, or the caller may have them. */
  function editOf(document: JsonNode, own: Operation, exchange: Classified): Edit | null {
    const credentials = credentialsIn(document)
    if (credentials === null || isNone(credentials) || mayHaveKeys(exchange, own)) return null
    return { start: credentials.start, end: credentials.end, text: NONE }
  }

  function shown(body: Buffer, exchange: Classified): Buffer {
    const { operation } = exchange
    const root = read(body)
    const edits = isCollection(operation.resource)
      ? (itemsOf(root)?.items ?? []).map((item) => {
          const own = itemOperation(item, operation)
          if (own === null) throw unreadable()
          return editOf(item, own, exchange)
        })
      : [editOf(root, operation, exchange)]
    const needed = edits.filter((edit) => edit !== null)
    return needed.length === 0 ? body : applyEdits(body, needed)
  }

  /** @throws {Refusal} `policy_refused` for a write that would remove keys which its caller was never shown */
  function check(exchange: Exchange, gathered: Gathered, via: Via): Pending<void> {
    if (!isClassified(exchange) || !isReplaced(exchange)) return
    // read for the tags in it, as the body of every write is; one that was not read says nothing of credentials
    const body = gathered.content?.received ?? gathered.read ?? null
    const written = body === null ? null : credentialsIn(parseJson(body))
    if (written !== null && !isNone(written)) return
    if (mayHaveKeys(exchange, exchange.operation)) return
    return askPresent(options.ask, exchange, via).then((document) => {
      const present = document === null ? null : credentialsIn(document)
      if (present !== null && !isNone(present)) throw removesKeys(exchange.operation)
    })
  }

  return {
    concerns: (call) => isShown(call) || isReplaced(call),
    around: (inner) => ({
      ...inner,

      lookUp: (exchange, gathered, via, progress) =>
        after(check(exchange, gathered, via), () =>
          inner.lookUp(exchange, gathered, via, progress),
        ),

      screen(exchange, via, progress) {
        const screen = inner.screen(exchange, via, progress)
        if (!isClassified(exchange) || !isShown(exchange)) return screen
        return async (body) => shown(screen === null ? body : await screen(body), exchange)
      },
    }),
  }
}

/** The data plane's own service of datastores answers with keys, and is judged by that. */
function isOfDatastore(exchange: Classified): boolean {
  return exchange.operation.resource.type === 'Datastore' && apiOf(exchange) === 'arm'
}

function isShown(exchange: Classified): boolean {
  const { method, operation } = exchange
  return method === 'GET' && operation.effect === 'read' && isOfDatastore(exchange)
}

function isReplaced(exchange: Classified): boolean {
  const { method, operation } = exchange
  return method !== 'DELETE' && operation.effect === 'write' && isOfDatastore(exchange)
}

function credentialsIn(document: JsonNode): JsonNode | null {
  return memberOf(memberOf(document, 'properties'), 'credentials')
}

function isNone(credentials: JsonNode): boolean {
  if (credentials.kind === 'null') return true
  const type = memberOf(credentials, 'credentialsType')
  return type?.kind === 'string' && type.value.toLowerCase() === 'none'
}

function read(body: Buffer): JsonNode {
  try {
    return parseJson(body, MAX_VALUES)
  } catch (error) {
    throw new Refusal(
      'upstream_bad_answer',
      'azure described a datastore in a way that cannot be read',
      {
        cause: error,
        inner: error instanceof Error ? error.message : 'not JSON',
      },
    )
  }
}

function unreadable(): Refusal {
  return new Refusal(
    'upstream_bad_answer',
    'azure described a datastore in a way that cannot be read',
  )
}

function removesKeys({ resource }: Operation): Refusal {
  const name = resource.id.slice(resource.id.lastIndexOf('/') + 1)
  const message = `this would remove the keys of datastore "${name}", which you are shown without them`
  return new Refusal('policy_refused', message, {
    remedy: 'write its credentials too; or delete it and make it again without any',
  })
}
