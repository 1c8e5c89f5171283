/**
 * The gateway's certificate: whole, with its own key, good for the names that clients use, not about to end.
 * @module
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { basename } from 'node:path'
import type { Config } from '../config/schema/schema.ts'
import { readCertificate } from '../http/tls/certificate.ts'
import { codeOf } from '../lib/error-code.ts'
import { fileFaultOf } from '../lib/file-fault.ts'
import { findingsOf, type Finding } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 14
const CERTIFICATE = 'listen.tls.certFile'
const KEY = 'listen.tls.keyFile'
const CLIENTS = 'listen.tls.clientCertificates.caFile'

const { ok, warning, failed } = findingsOf('files')

/** Every fault of the certificate, its key and the authority of client certificates; nothing without TLS. */
export async function checkCertificate(
  { listen }: Pick<Config, 'listen'>,
  now: number,
): Promise<Finding[]> {
  const { tls } = listen
  if (tls === undefined) return []
  const files: [where: string, path: string][] = [
    [CERTIFICATE, tls.certFile],
    [KEY, tls.keyFile],
  ]
  if (tls.clientCertificates !== undefined) files.push([CLIENTS, tls.clientCertificates.caFile])
  const read = await Promise.all(files.map(async ([where, path]) => attempt(where, path)))
  const found = read.flatMap(({ fault }) => (fault === null ? [] : [fault]))
  const leaf = certificateIn(read[0]?.text ?? null)
  const key = privateKeyIn(read[1]?.text ?? null)
  if (leaf === 'malformed')
    found.push(failed(CERTIFICATE, 'is no PEM certificate', 'give the certificate, leaf first'))
  if (key === 'malformed')
    found.push(
      failed(
        KEY,
        'is no private key in PEM, or one with a passphrase',
        'give the key without a passphrase: openssl pkey -in KEY -out NEW',
      ),
    )
  if (leaf instanceof X509Certificate) {
    if (typeof key === 'object' && key !== null && !leaf.checkPrivateKey(key))
      found.push(
        failed(
          KEY,
          'is not the key of the certificate in listen.tls.certFile',
          'give certificate and key of one and the same request',
        ),
      )
    found.push(...checkNames(leaf, listen), ...checkPeriod(leaf, now))
  }
  if (found.some(({ status }) => status === 'failed')) return found
  // what remains is said in the gateway's own words: a block that is cut off, or an authority that is none
  const rest = await readCertificate(tls).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : 'cannot be used'),
  )
  if (rest === null) return found
  const faulty = files.find(([, path]) => rest.startsWith(`"${basename(path)}"`))
  return [...found, failed(faulty?.[0] ?? CERTIFICATE, rest, 'write the file anew, in whole')]
}

async function attempt(
  where: string,
  path: string,
): Promise<{ readonly text: string | null; readonly fault: Finding | null }> {
  try {
    return { text: await readFile(path, 'utf8'), fault: null }
  } catch (error) {
    const known = fileFaultOf(error)
    const next = known?.next ?? 'check its path and its owner'
    const what = `cannot be read: "${path}" ${known?.what ?? codeOf(error, 'failed')}`
    return { text: null, fault: failed(where, what, next) }
  }
}

function certificateIn(text: string | null): X509Certificate | 'malformed' | null {
  if (text === null) return null
  try {
    return new X509Certificate(text)
  } catch {
    return 'malformed'
  }
}

function privateKeyIn(text: string | null): KeyObject | 'malformed' | null {
  if (text === null) return null
  try {
    return createPrivateKey(text)
  } catch {
    return 'malformed'
  }
}

/** Clients compare the name of the URL with the alternative names alone; the common name is no longer looked at. */
function checkNames(leaf: X509Certificate, listen: Config['listen']): Finding[] {
  const names: [where: string, host: string][] = [
    ['listen.publicUrl', hostOf(listen.publicUrl)],
    ...(listen.hosts ?? []).map((host, at): [string, string] => [
      `listen.hosts[${at}]`,
      hostOf(`https://${host}`),
    ]),
  ]
  return names.flatMap(([where, host]) =>
    covers(leaf, host)
      ? []
      : [
          failed(
            where,
            `the certificate in listen.tls.certFile is not for "${host}": clients refuse it`,
            `ask for a certificate with the alternative name ${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}`,
          ),
        ],
  )
}

function covers(leaf: X509Certificate, host: string): boolean {
  return isIP(host) === 0
    ? leaf.checkHost(host, { subject: 'never' }) !== undefined
    : leaf.checkIP(host) !== undefined
}

const hostOf = (url: string): string =>
  URL.canParse(url) ? new URL(url).hostname.replaceAll(/^\[|\]$/g, '') : url

function checkPeriod({ validFrom, validTo }: X509Certificate, now: number): Finding[] {
  const days = Math.floor((Date.parse(validTo) - now) / DAY_MS)
  if (Date.parse(validFrom) > now)
    return [
      failed(CERTIFICATE, `is not valid before ${validFrom}`, 'compare the clock: timedatectl'),
    ]
  if (days < 0) return [failed(CERTIFICATE, `ended on ${validTo}`, 'renew it')]
  if (days < SOON_DAYS) return [warning(CERTIFICATE, `ends in ${days} days`, 'renew it')]
  return [ok(CERTIFICATE, `valid for ${days} days`)]
}
