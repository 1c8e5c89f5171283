/**
 * The key that signs checkpoints: a chain alone cannot show that its tail was cut, a signed count can.
 * @module
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'

/** Signs checkpoints; holds the private half. */
export interface Signer {
  /** First 16 hex digits of the SHA-256 of the public key's SPKI. */
  readonly keyId: string
  /** SPKI in base64. */
  readonly publicKey: string
  sign(text: string): string
}

/** What is signed: the chain's head, its place and its chain. */
export interface Checkpoint {
  readonly chainId: string
  /** Last record that it covers. */
  readonly seq: number
  /** Records from the chain's beginning. */
  readonly count: number
  /** Head after record `seq`. */
  readonly head: string
}

/** The signed text of a checkpoint. */
export const checkpointText = ({ chainId, seq, count, head }: Checkpoint): string =>
  `azureml-harness-checkpoint-1\n${chainId}\n${seq}\n${count}\n${head}\n`

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
const idOf = (spki: Buffer): string => createHash('sha256').update(spki).digest('hex').slice(0, 16)

/** The id of a public key given as SPKI in base64. */
export const keyIdOf = (publicKey: string): string => idOf(Buffer.from(publicKey, 'base64'))

/** Whether a checkpoint was signed by the owner of `publicKey` (SPKI, base64). Never throws. */
export function checkSignature(publicKey: string, text: string, signature: string): boolean {
  try {
    const key = createPublicKey({
      key: Buffer.from(publicKey, 'base64'),
      format: 'der',
      type: 'spki',
    })
    return (
      key.asymmetricKeyType === 'ed25519' &&
      verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))
    )
  } catch {
    return false
  }
}

function load(path: string, given: boolean): KeyObject {
  if (!given && !existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
      flag: 'wx',
    })
  }
  // a key of our own must be ours alone; a mounted one may be readable to the group, as Kubernetes mounts it
  const loose = given ? 0o027 : 0o077
  if ((statSync(path).mode & loose) !== 0) {
    throw new Error(`the audit signing key "${path}" can be used by others: chmod 600 it`)
  }
  const key = createPrivateKey(readFileSync(path))
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new Error(`the audit signing key "${path}" is not an Ed25519 key`)
  }
  return key
}

/**
 * Loads the signing key; without a given file it is generated once, mode 0600, beside the chain. Whoever can
 * write the spool can then sign too: mount a key, or compare `keyId` with the one that was shipped.
 */
export function loadSigner(given: string | undefined, directory: string): Signer {
  const key = load(given ?? `${directory}/signing.pem`, given !== undefined)
  const spki = spkiOf(createPublicKey(key))
  return {
    keyId: idOf(spki),
    publicKey: spki.toString('base64'),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64'),
  }
}
