/**
 * The gateway's certificate, its key and the authority of client certificates: read from their files and checked together,
 * so that nothing is served with half of them.
 * @module
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Config } from '../../config/schema/schema.ts'
import { codeOf } from '../../lib/error-code.ts'

export type TlsFiles = NonNullable<Config['listen']['tls']>

/** Length of the keys of TLS session tickets, as Node wants it. */
const TICKET_KEY_BYTES = 48

/** What a server is given, and what is told of it. */
export interface Certificate {
  readonly context: SecureContextOptions & { readonly ticketKeys: Buffer }
  /** In hexadecimal digits. */
  readonly serial: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Every file that `readCertificate` reads. */
export function filesOf({ certFile, keyFile, clientCertificates }: TlsFiles): readonly string[] {
  return [
    certFile,
    keyFile,
    ...(clientCertificates === undefined ? [] : [clientCertificates.caFile]),
  ]
}

/**
 * Reads all files.
 * @throws Error if one cannot be read, if one is not whole, or if they do not belong together; its message names the file
 */
export async function readCertificate(files: TlsFiles): Promise<Certificate> {
  const { certFile, keyFile, clientCertificates } = files
  const [cert, key, ca] = await Promise.all([
    readPem(certFile),
    readPem(keyFile),
    clientCertificates === undefined ? null : readPem(clientCertificates.caFile),
  ])
  const [own] = certificatesIn(certFile, cert)
  if (ca !== null) certificatesIn(clientCertificates?.caFile ?? '', ca)
  if (own?.checkPrivateKey(parse(keyFile, () => createPrivateKey(key))) !== true)
    throw new Error(`the key of "${basename(keyFile)}" is not that of "${basename(certFile)}"`)
  // a session of a client whose authority is trusted no longer must not be taken up again
  const ticketKeys = randomBytes(TICKET_KEY_BYTES)
  const minVersion = 'TLSv1.2' as const
  const context = { cert, key, minVersion, ticketKeys, ...(ca === null ? {} : { ca }) }
  parse(certFile, () => createSecureContext(context))
  return {
    context,
    serial: own.serialNumber,
    notBefore: own.validFromDate.getTime(),
    notAfter: own.validToDate.getTime(),
  }
}

const BLOCK = /^-----BEGIN ([A-Z0-9 ]+)-----\r?$[^-]*?^-----END \1-----[ \t]*\r?$/gm

async function readPem(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`"${basename(file)}" cannot be read (${codeOf(error, 'unreadable')})`, {
      cause: error,
    })
  })
  // OpenSSL stops at a block that is not whole, and takes those before it for all that there is
  const rest = text.replace(BLOCK, '')
  if (rest === text || /^-/m.test(rest))
    throw new Error(`"${basename(file)}" is not whole, or is not PEM`)
  return text
}

function certificatesIn(file: string, pem: string): readonly X509Certificate[] {
  const blocks = [...pem.matchAll(BLOCK)].filter(([, kind = '']) => kind.endsWith('CERTIFICATE'))
  if (blocks.length === 0) throw new Error(`"${basename(file)}" has no certificate`)
  return blocks.map(([block]) => parse(file, () => new X509Certificate(block)))
}

/** OpenSSL's messages may quote what they read: they are not passed on. */
function parse<T>(file: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new Error(`"${basename(file)}" cannot be understood (${codeOf(error, 'malformed')})`, {
      cause: error,
    })
  }
}
