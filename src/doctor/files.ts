/**
 * The files and variables that the configuration names: present, readable, certificates not about to expire.
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { readSecret, secretsOf, type Environment } from '../config/secrets.ts'
import type { Config } from '../config/schema/schema.ts'
import { findingsOf, type Finding } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 14

const { ok, warning, failed } = findingsOf('files')

/** Checks certificate, key and secrets. No finding has the value of a secret. */
export async function checkFiles(
  config: Config,
  env: Environment,
  now: number,
): Promise<Finding[]> {
  const found: Finding[] = []
  const { tls } = config.listen
  if (tls !== undefined) found.push(...(await checkCertificate(tls, now)))
  for (const [where, source] of secretsOf(config)) {
    try {
      await readSecret(source, env)
      found.push(ok(where, 'the secret is there'))
    } catch (error) {
      const what = error instanceof Error ? error.message : 'cannot be read'
      found.push(failed(where, what, 'put the secret where the configuration says it is'))
    }
  }
  return found
}

async function checkCertificate(
  tls: { certFile: string; keyFile: string },
  now: number,
): Promise<Finding[]> {
  const where = 'listen.tls.certFile'
  const [certificate, key] = await Promise.all([attempt(tls.certFile), attempt(tls.keyFile)])
  const found: Finding[] = []
  if (key === null)
    found.push(failed('listen.tls.keyFile', 'cannot be read', 'check its path and its owner'))
  if (certificate === null) return [...found, failed(where, 'cannot be read', 'check its path')]
  let parsed: X509Certificate
  try {
    parsed = new X509Certificate(certificate)
  } catch {
    return [...found, failed(where, 'is no PEM certificate', 'give the certificate, leaf first')]
  }
  const days = Math.floor((Date.parse(parsed.validTo) - now) / DAY_MS)
  if (days < 0) found.push(failed(where, `ended on ${parsed.validTo}`, 'renew it'))
  else if (days < SOON_DAYS) found.push(warning(where, `ends in ${days} days`, 'renew it'))
  else found.push(ok(where, `valid for ${days} days`))
  return found
}

async function attempt(path: string): Promise<Buffer | null> {
  return readFile(path).catch(() => null)
}
