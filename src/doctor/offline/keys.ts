/**
 * Secrets and keys: each is there, and is what it is used as.
 * @module
 */
import { createPrivateKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSignatures } from '../../approvals/signatures.ts'
import type { Config } from '../../config/schema/schema.ts'
import { readSecret, secretsOf, type Environment } from '../../config/secrets.ts'
import { signingKey } from '../../console/sign-in.ts'
import { codeOf } from '../../lib/error-code.ts'
import { isSafeUrl } from '../../lib/http.ts'
import { findingsOf, type Finding } from '../finding.ts'

/** Below it a key can be guessed. */
const MIN_KEY_CHARACTERS = 32
const LOOSE = 0o027

const { failed } = findingsOf('files')

/** What is wrong with a secret of this use, and what to do; null if nothing is. Neither has anything of the secret. */
type Check = (secret: string) => Promise<readonly [what: string, next: string] | null>

const longEnough: Check = async (secret) =>
  secret.length >= MIN_KEY_CHARACTERS
    ? null
    : [`has less than ${MIN_KEY_CHARACTERS} characters`, 'make one: openssl rand -hex 32']

const reviewKey: Check = async (secret) =>
  createSignatures([secret]).then(
    () => null,
    () => [
      'is no Ed25519 private key in PEM',
      'make one: openssl genpkey -algorithm ed25519 -out FILE',
    ],
  )

const consoleKey: Check = async (secret) => {
  try {
    signingKey(secret)
    return null
  } catch {
    return [
      'is no RSA or EC P-256 private key in PEM',
      'make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out FILE',
    ]
  }
}

const safeUrl: Check = async (secret) =>
  isSafeUrl(secret) ? null : ['is no https URL', 'put the URL of the channel there']

/** By the key in the configuration. */
const CHECKS: readonly (readonly [where: RegExp, check: Check])[] = [
  [/^operationKey$|^audit\.hashKey$|^console\.cookieKeys\[/, longEnough],
  [/^approvals\.keys\[/, reviewKey],
  [/^issuers\[\d+\]\.console\.authentication\.privateKey$/, consoleKey],
  [/^approvals\.notify\[\d+\]\.url$/, safeUrl],
]

export async function checkKeys(config: Config, env: Environment): Promise<Finding[]> {
  const found: Finding[] = []
  for (const [where, source] of secretsOf(config)) {
    let secret: string
    try {
      secret = await readSecret(source, env)
    } catch (error) {
      const what = error instanceof Error ? error.message : 'cannot be read'
      found.push(failed(where, what, 'put the secret where the configuration says it is'))
      continue
    }
    const check = CHECKS.find(([pattern]) => pattern.test(where))?.[1]
    const fault = check === undefined ? null : await check(secret)
    if (fault !== null) found.push(failed(where, ...fault))
  }
  const checkpoints = await checkpointKey(config.audit.spool.signingKeyFile)
  return checkpoints === null ? found : [...found, checkpoints]
}

async function checkpointKey(file: string | undefined): Promise<Finding | null> {
  if (file === undefined) return null
  const where = 'audit.spool.signingKeyFile'
  const next = `make one: openssl genpkey -algorithm ed25519 -out ${file}`
  try {
    const { mode } = await stat(file)
    if ((mode & LOOSE) !== 0)
      return failed(where, `"${file}" can be used by others`, `chmod 600 ${file}`)
    const key = createPrivateKey(await readFile(file))
    if (key.asymmetricKeyType === 'ed25519') return null
    return failed(where, `"${file}" is not an Ed25519 key`, next)
  } catch (error) {
    // OpenSSL's messages may quote what they read
    const code = codeOf(error, '')
    const isMissing = code.startsWith('E') && !code.startsWith('ERR_')
    const what = isMissing ? `cannot be read (${code})` : 'is no private key in PEM'
    return failed(where, `"${file}" ${what}`, next)
  }
}
