/**
 * Grants in the ledger: read with their signatures checked, and written signed.
 *
 * Documents never change, so each is read once for as long as the process runs; what is new is found by listing names.
 * @module
 */
import type { Ledger } from '../ledger/ledger.ts'
import type { Signatures } from '../signatures.ts'
import {
  grantIn,
  GRANTS_FOLDER,
  isGrantDocument,
  nameOfGrant,
  type GrantDocument,
  type GrantRequest,
} from './documents.ts'
import type { Grant } from './state.ts'

export interface GrantStore {
  /** All grants there are, by their ids. @throws {LedgerFault} if one document or one name cannot be read */
  readonly readAll: () => Promise<ReadonlyMap<string, Grant>>
  /** Writes a document under its own name; false if there is one of that name. @throws {LedgerFault} */
  readonly write: (document: GrantDocument) => Promise<boolean>
}

/** Documents that are read at the same moment. */
const AT_ONCE = 16

/** @param onForged is told the name of a document that no known key signed, or that stands under another's name */
export function createGrantStore(
  ledger: Pick<Ledger, 'create' | 'read' | 'list'>,
  { sign, verify }: Pick<Signatures, 'sign' | 'verify'>,
  onForged: (name: string) => void,
): GrantStore {
  // null for what does not count
  const known = new Map<string, GrantDocument | null>()
  let grants: ReadonlyMap<string, Grant> = new Map()

  async function readOne(name: string): Promise<void> {
    const text = await ledger.read(name)
    // removed since it was listed, or not there yet: the next time tells
    if (text === null) return
    const document = await verify(text)
    const isSound = document !== null && isGrantDocument(document) && nameOfGrant(document) === name
    if (!isSound) onForged(name)
    known.set(name, isSound ? document : null)
  }

  return {
    async readAll() {
      const names = await ledger.list(GRANTS_FOLDER)
      const fresh = names.filter((name) => grantIn(name) !== null && !known.has(name))
      for (let at = 0; at < fresh.length; at += AT_ONCE)
        await Promise.all(fresh.slice(at, at + AT_ONCE).map(readOne))
      if (fresh.length > 0) grants = grantsOf(known.values())
      return grants
    },
    write: async (document) => ledger.create(nameOfGrant(document), await sign(document)),
  }
}

/** Documents by the grants that they belong to; those without a request are none. */
function grantsOf(documents: Iterable<GrantDocument | null>): ReadonlyMap<string, Grant> {
  const all = [...documents].filter((one) => one !== null)
  const byId = Map.groupBy(all, ({ id }) => id)
  return new Map(
    [...byId].flatMap(([id, own]) => {
      const request = own.find((one): one is GrantRequest => one.kind === 'grant-request')
      if (request === undefined) return []
      return [
        [
          id,
          {
            request,
            extensions: own.filter((one) => one.kind === 'grant-extension'),
            verdicts: own.filter((one) => one.kind === 'grant-verdict'),
          },
        ] as const,
      ]
    }),
  )
}
