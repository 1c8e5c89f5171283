/**
 * Secrets out of a text, by their shape and by the names in a document that is written in it, also where it is encoded.
 *
 * `@redact` looks for them in every answer, because no list of operations has all that return one: a run's details have
 * the SAS of its logs, a connection its key, a job whatever somebody wrote into a command.
 * @module
 */
import { isKeyOfService, namedSecret, roleOf } from './secret-names.ts'
import { REDACTED, withoutShapes } from './secret-shapes.ts'

/** Documents and encodings within each other: nobody needs more. */
const MAX_WITHIN = 4
const MAX_DEPTH = 64

/** The text without the secrets in it; the same text if it has none. */
export function withoutSecrets(text: string): string {
  return withoutSecretsWithin(text, 0)
}

function withoutSecretsWithin(text: string, within: number): string {
  if (within >= MAX_WITHIN) return withoutShapes(text)
  const passed = documentWithout(text, within) ?? text
  return withoutEncoded(withoutShapes(passed), within)
}

/** A document that is written as a text; null if the text is none, or nothing in it is a secret. */
function documentWithout(text: string, within: number): string | null {
  if (!/^\s*[{[][\s\S]*[}\]]\s*$/.test(text)) return null
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch {
    return null
  }
  let changed = false
  const hide = (): string => {
    changed = true
    return REDACTED
  }
  const walk = (value: unknown, member: string, secret: boolean, depth: number): unknown => {
    if (depth > MAX_DEPTH) return hide()
    if (typeof value === 'number') return secret ? hide() : value
    if (typeof value === 'string') {
      if (value === REDACTED || value === '') return value
      if (secret || isKeyOfService(member, value)) return hide()
      const passed = withoutSecretsWithin(value, within + 1)
      changed ||= passed !== value
      return passed
    }
    if (Array.isArray(value)) return value.map((item) => walk(item, '', secret, depth + 1))
    if (value === null || typeof value !== 'object') return value
    const members = Object.entries(value)
    const named = members.some(([key, name]) => roleOf(key) === 'name' && isSecretName(name))
    return Object.fromEntries(
      members.map(([key, one]) => {
        const says = namedSecret(key)
        const held = typeof one === 'object'
        const own = says === 'told' ? secret && held : secret || says === 'secret'
        return [key, walk(one, key, own || (named && roleOf(key) === 'value'), depth + 1)]
      }),
    )
  }
  const shown = walk(root, '', false, 0)
  return changed ? JSON.stringify(shown) : null
}

function isSecretName(name: unknown): boolean {
  return typeof name === 'string' && namedSecret(name) === 'secret'
}

/** A word that may be base64, perhaps over lines of a mail's length, or hex. */
const ENCODED =
  /(?<![A-Za-z\d+/_-])(?:[A-Za-z\d+/]{60,100}\r?\n){0,10000}[A-Za-z\d+/_-]{20,}={0,2}/g
/** How text in base64 or hex begins, whatever it says; in UTF-16 with a mark, `//4` or `//5`. */
const BEGINS = /^(?:[I-Za-f]|\/\/[45]|[2-7][\dA-Fa-f])/

/** Base64 and hex of a text with secrets in it is not shown. */
function withoutEncoded(text: string, within: number): string {
  if (text.length < 20) return text
  return text.replaceAll(ENCODED, (word) => {
    if (hidesSecret(word, within)) return REDACTED
    // a name or a path before it, of characters that base64 has as well
    return word.replaceAll(/[^/_\r\n-]{20,}/g, (part) =>
      part !== word && hidesSecret(part, within) ? REDACTED : part,
    )
  })
}

function hidesSecret(word: string, within: number): boolean {
  if (!BEGINS.test(word)) return false
  const isHex = /^[\da-f]+$/i.test(word)
  const texts = isHex ? [textOf(Buffer.from(word, 'hex'))] : []
  texts.push(textOf(Buffer.from(word, 'base64')))
  return texts.some((text) => text !== null && withoutSecretsWithin(text, within + 1) !== text)
}

const DECODER = new TextDecoder('utf-8', { fatal: true })

/** The text that bytes are; null if they are none, as those of digests and ids. */
function textOf(bytes: Buffer): string | null {
  const isWide = bytes.length > 3 && bytes[1] === 0 && bytes[3] === 0
  const isMarked = bytes[0] === 0xff && bytes[1] === 0xfe
  if (isWide || isMarked) return bytes.toString('utf16le')
  if (bytes.subarray(0, 64).some(isControl) || bytes.some(isControl)) return null
  try {
    return DECODER.decode(bytes)
  } catch {
    return null
  }
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte === 0x7f
}
