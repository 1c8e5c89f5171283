/**
 * Microsoft's storage emulator with one account, and SAS for it.
 * @module
 */
import { createHmac, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Certificates } from '../identity/ca.ts'
import { startChild } from '../server/child.ts'
import { request } from '../server/http.ts'

export const STORAGE_ACCOUNT = 'labstorage'
/** The newest service version whose SAS the emulator and all clients agree on. */
const VERSION = '2023-11-03'
const SAS_HOURS = 24
const START_TIMEOUT_MS = 60_000

export interface Azurite {
  /** Origin at which the emulator itself listens, with TLS: it takes bearer tokens only over that. */
  readonly url: string
  /** Account key, as `listSecrets` of a datastore would tell it. */
  readonly key: string
  /** Query of a SAS for a container, or for one blob of it. Permissions as in `racwdl`. */
  sas(permissions: string, container: string, blob?: string): string
  createContainer(name: string): Promise<void>
  putBlob(container: string, blob: string, content: string): Promise<void>
  close(): Promise<void>
}

function mainFile(): string {
  const require = createRequire(import.meta.url)
  return join(dirname(require.resolve('azurite/package.json')), 'dist', 'src', 'blob', 'main.js')
}

/** Starts it in memory, on a free port. */
export async function startAzurite(
  directory: string,
  certificates: Certificates,
): Promise<Azurite> {
  const key = randomBytes(64).toString('base64')
  const { child, found: url } = await startChild('azurite', {
    command: process.execPath,
    // prettier-ignore
    args: [
      mainFile(),
      '--blobHost', '127.0.0.1', '--blobPort', '0',
      '--cert', certificates.certFile, '--key', certificates.keyFile,
      // real clients run ahead of the emulator's list of service versions and headers
      '--oauth', 'basic', '--loose', '--skipApiVersionCheck',
      '--inMemoryPersistence', '--silent', '--disableTelemetry',
    ],
    cwd: directory,
    env: { AZURITE_ACCOUNTS: `${STORAGE_ACCOUNT}:${key}` },
    ready: (output) => /successfully listens on (https:\S+:\d+)/.exec(output)?.[1] ?? null,
    timeoutMs: START_TIMEOUT_MS,
  })
  const sign = (lines: readonly string[]): string =>
    createHmac('sha256', Buffer.from(key, 'base64')).update(lines.join('\n')).digest('base64')

  // https://learn.microsoft.com/rest/api/storageservices/create-service-sas, version 2020-12-06 and later
  function sas(permissions: string, container: string, blob?: string): string {
    const ends = new Date(Date.now() + SAS_HOURS * 3_600_000).toISOString().replace(/\.\d+/, '')
    const kind = blob === undefined ? 'c' : 'b'
    const name = `/blob/${STORAGE_ACCOUNT}/${container}${blob === undefined ? '' : `/${blob}`}`
    // prettier-ignore
    const signature = sign([
      permissions, '', ends, name, '', '', 'https', VERSION, kind, '', '', '', '', '', '', '',
    ])
    return new URLSearchParams({
      sv: VERSION,
      spr: 'https',
      se: ends,
      sr: kind,
      sp: permissions,
      sig: signature,
    }).toString()
  }

  // an account SAS, which unlike the above may create containers
  function accountSas(): string {
    const ends = new Date(Date.now() + SAS_HOURS * 3_600_000).toISOString().replace(/\.\d+/, '')
    const fields = { sp: 'rwdlac', ss: 'b', srt: 'sco', se: ends, spr: 'https', sv: VERSION }
    // prettier-ignore
    const signature = sign([
      STORAGE_ACCOUNT, fields.sp, fields.ss, fields.srt, '', ends, '', 'https', VERSION, '', '',
    ])
    return new URLSearchParams({ ...fields, sig: signature }).toString()
  }

  async function put(path: string, query: string, content: string): Promise<void> {
    const reply = await request(`${url}/${STORAGE_ACCOUNT}/${path}?${query}${accountSas()}`, {
      ca: certificates.ca,
      method: 'PUT',
      headers: { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': VERSION, 'content-length': '0' },
      ...(content === '' ? {} : { body: content }),
    })
    if (reply.status !== 201)
      throw new Error(`azurite: PUT ${path}: ${reply.status}: ${reply.text()}`)
  }

  return {
    url,
    key,
    sas,
    createContainer: (name) => put(name, 'restype=container&', ''),
    putBlob: (container, blob, content) =>
      put(`${container}/${blob.split('/').map(encodeURIComponent).join('/')}`, '', content),
    close: () => child.stop(),
  }
}
