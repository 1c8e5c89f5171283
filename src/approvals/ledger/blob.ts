/**
 * A ledger in a container of Azure Blob storage: for any number of replicas.
 *
 * `If-None-Match: *` creates a blob for exactly one of those who try. Versions and immutability of the container keep what
 * was written from whoever has its keys.
 * @module
 */
import { ContainerClient } from '@azure/storage-blob'
import { codeOf } from '../../lib/error-code.ts'
import { LEDGER_NAME, LedgerFault, type Ledger } from './ledger.ts'

/** A document is a few KB. */
const MAX_BYTES = 1_048_576
const HTTP_CONFLICT = 409
const HTTP_PRECONDITION = 412
const HTTP_NOT_FOUND = 404

export interface BlobLedgerOptions {
  /** URL of the container. */
  readonly container: string
  readonly credential: {
    readonly getToken: (
      scopes: string | string[],
    ) => Promise<{ token: string; expiresOnTimestamp: number }>
  }
  /** Milliseconds, for one answer of the storage. */
  readonly timeoutMs: number
}

export function createBlobLedger({ container, credential, timeoutMs }: BlobLedgerOptions): Ledger {
  const client = new ContainerClient(container, credential, {
    // what is asked for here is asked for by a caller who waits
    retryOptions: { maxTries: 2, tryTimeoutInMs: timeoutMs },
  })
  const blobOf = (name: string) => {
    if (!LEDGER_NAME.test(name)) throw new LedgerFault(`"${name}" is not a name of the ledger's`)
    return client.getBlockBlobClient(name)
  }
  const within = (): AbortSignal => AbortSignal.timeout(timeoutMs)

  return {
    async create(name, text) {
      const blob = blobOf(name)
      try {
        await blob.upload(text, Buffer.byteLength(text), {
          abortSignal: within(),
          conditions: { ifNoneMatch: '*' },
          blobHTTPHeaders: { blobContentType: 'application/jose+json' },
        })
        return true
      } catch (error) {
        const status = statusOf(error)
        if (status === HTTP_CONFLICT || status === HTTP_PRECONDITION) return false
        throw faultOf(error)
      }
    },

    async read(name) {
      try {
        const bytes = await blobOf(name).downloadToBuffer(0, undefined, { abortSignal: within() })
        if (bytes.byteLength > MAX_BYTES) throw new LedgerFault(`"${name}" is too large`)
        return bytes.toString('utf8')
      } catch (error) {
        if (statusOf(error) === HTTP_NOT_FOUND) return null
        throw faultOf(error)
      }
    },

    async list(prefix) {
      const names: string[] = []
      try {
        for await (const { name } of client.listBlobsFlat({ prefix, abortSignal: within() }))
          if (LEDGER_NAME.test(name)) names.push(name)
      } catch (error) {
        throw faultOf(error)
      }
      return names
    },

    async folders(kind) {
      const names: string[] = []
      const options = { prefix: `${kind}/`, abortSignal: within() }
      try {
        for await (const item of client.listBlobsByHierarchy('/', options))
          if (item.kind === 'prefix') names.push(item.name.slice(kind.length + 1, -1))
      } catch (error) {
        throw faultOf(error)
      }
      return names
    },

    async remove(name) {
      try {
        await blobOf(name).deleteIfExists({ abortSignal: within() })
      } catch (error) {
        throw faultOf(error)
      }
    },
  }
}

function statusOf(error: unknown): number | null {
  const status =
    typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : null
  return typeof status === 'number' ? status : null
}

function faultOf(error: unknown): LedgerFault {
  if (error instanceof LedgerFault) return error
  const why = statusOf(error) ?? codeOf(error, 'unreachable')
  return new LedgerFault(`the ledger's storage fails (${why})`, { cause: error })
}
