/**
 * A certificate authority for this machine's lab, and one leaf certificate for localhost.
 *
 * Kept in a directory and used again until shortly before it ends, so that whoever trusted the
 * authority once need not do so at each start. Keys are readable by their owner only.
 * @module
 */
// oxlint-disable-next-line import/no-unassigned-import -- a polyfill that @peculiar/x509 asks for
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'

const DAY_MS = 86_400_000
const CA_DAYS = 365
const LEAF_DAYS = 90
const RENEW_DAYS = 7
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DEFAULT_NAMES = ['localhost', '127.0.0.1', '::1']

/** PEM texts, and the files that hold them (absolute if the directory was). */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

x509.cryptoProvider.set(webcrypto)

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Whole or not at all: a start that is cut short leaves no half key. */
async function writeWhole(file: string, text: string, mode: number): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`
  await writeFile(draft, text, { mode })
  await chmod(draft, mode)
  await rename(draft, file)
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key)
  return x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag)
}

function generalName(name: string): x509.JsonGeneralName {
  return isIP(name) === 0 ? { type: 'dns', value: name } : { type: 'ip', value: name }
}

function covers(certificate: x509.X509Certificate, names: readonly string[]): boolean {
  const extension = certificate.getExtension(x509.SubjectAlternativeNameExtension)
  const has = new Set(extension?.names.items.map((item) => item.value.toLowerCase()))
  // the library prints ::1 in full
  return names.every((name) => has.has(name) || (isIP(name) === 6 && has.size > 0))
}

/** Serial numbers are positive and unique: a browser refuses a second certificate with the same one. */
function serial(): string {
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}`
}

async function make(names: readonly string[], now: number): Promise<Record<string, string>> {
  const span = (days: number): { notBefore: Date; notAfter: Date } => ({
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + days * DAY_MS),
  })
  const authority = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=Azure ML Harness lab (this machine only)',
    ...span(CA_DAYS),
    signingAlgorithm: ALGORITHM,
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  })
  const pair = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=localhost',
    issuer: ca.subject,
    ...span(LEAF_DAYS),
    signingAlgorithm: ALGORITHM,
    publicKey: pair.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(generalName)),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(pair.publicKey),
    ],
  })
  return {
    'ca.pem': ca.toString('pem'),
    'ca-key.pem': await pemOf(authority.privateKey),
    'server.pem': leaf.toString('pem'),
    'server-key.pem': await pemOf(pair.privateKey),
  }
}

function stillGood(
  certPem: string | null,
  caPem: string | null,
  names: readonly string[],
  now: number,
): boolean {
  if (certPem === null || caPem === null) return false
  const certificate = new x509.X509Certificate(certPem)
  const ends = Math.min(
    certificate.notAfter.getTime(),
    new x509.X509Certificate(caPem).notAfter.getTime(),
  )
  return ends - now > RENEW_DAYS * DAY_MS && covers(certificate, names)
}

/**
 * The certificates in `directory` (made 0700), new ones if there are none, if they end within a
 * week of `now`, or if they do not cover `names` besides localhost.
 */
export async function ensureCertificates(
  directory: string,
  options: { readonly now?: number; readonly names?: readonly string[] } = {},
): Promise<Certificates> {
  const now = options.now ?? Date.now()
  const names = [...new Set([...DEFAULT_NAMES, ...(options.names ?? [])])]
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = (name: string): string => join(directory, name)
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'server.pem', 'server-key.pem'].map((name) => readOrNull(file(name))),
  )
  const files = {
    caFile: file('ca.pem'),
    certFile: file('server.pem'),
    keyFile: file('server-key.pem'),
  }
  if (
    typeof ca === 'string' &&
    typeof cert === 'string' &&
    typeof key === 'string' &&
    stillGood(cert, ca, names, now)
  ) {
    return { ca, cert, key, ...files }
  }
  const made = await make(names, now)
  for (const [name, text] of Object.entries(made)) {
    await writeWhole(file(name), text, name.endsWith('-key.pem') ? 0o600 : 0o644)
  }
  return {
    ca: made['ca.pem'] ?? '',
    cert: made['server.pem'] ?? '',
    key: made['server-key.pem'] ?? '',
    ...files,
  }
}
