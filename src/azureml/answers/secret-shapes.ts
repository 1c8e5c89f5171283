/**
 * What a secret looks like in any text. Shapes err on the side of taking out too much.
 * @module
 */
import { namedSecret } from './secret-names.ts'

export const REDACTED = '[redacted]'
/** In the place of a signed URL's query: no URL parser minds it. */
const QUERY = '?redacted'

/** Texts without any of these have no secret whose shape is known, which most texts are. */
const HINT =
  /[=%\\@:_]|eyJ|-----BEGIN|bearer|basic|sharedkey|[A-Za-z\d+/]{52}|Q~|MI[IG]|MHc|MC4|--|sk-|A[KS]IA|AIza|xox|xapp|dapi|dkea|glpat|npm_|pypi-|SG\.|\.A|hvs|services\//i
// each pattern takes time linear in the text: starts that could overlap are bounded, because others write what it reads
const PEM =
  /-----BEGIN [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g
const DOTTED = /(?<![\w-])[\w-]{11,}(?:\.[\w-]*){2,4}/g
/** 64 bytes in base64, as storage accounts have them but for a digest that says so, and the marks in newer keys of Azure's. */
const ACCOUNT_KEY =
  /(?<![A-Za-z\d+/]|sha512[-:])(?:[A-Za-z\d+/]{86}==|[A-Za-z\d]{52}JQQJ99[A-Za-z\d]{20,40}|[A-Za-z\d+/]{33}(?:\+ASb|\+AEh|\+ARm|AIoT|AZEG|AzCa)[A-P][A-Za-z\d+/]{5}=|[A-Za-z\d]{42}AzSe[A-D][A-Za-z\d]{5}|[\w-]{44}AzFu[\w-]{5}[AQgw]==|[A-Za-z\d+/]{42}\+ACR[A-D][A-Za-z\d+/]{5}|[A-Za-z\d]{76}AZDO[A-Za-z\d]{4})(?![A-Za-z\d+/=])/g
/** A client secret of Entra ID, and a refresh token. */
const ENTRA = /(?<![\w.~-])(?:[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w~-])|[01]\.A[\w-]{2}[\w.-]{100,})/g
const ISSUED =
  /(?<![A-Za-z\d])(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|gl(?:pat|rt|dt|ptt|soat)-[\w-]{16,}|hf_[A-Za-z\d]{16,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|A[KS]IA[A-Z\d]{16}|AIza[\w-]{35}|sk-[\w-]{20,}|[sr]k_(?:live|test)_[A-Za-z\d]{16,}|d(?:api|kea|ose)[\da-f]{32}(?:-\d)?|npm_[A-Za-z\d]{36}|pypi-[\w-]{40,}|SG\.[\w-]{20,24}\.[\w-]{40,46}|dckr_pat_[\w-]{20,}|dop_v1_[\da-f]{64}|lsv2_(?:pt|sk)_\w{32,}|nvapi-[\w-]{40,}|gsk_[A-Za-z\d]{40,}|hvs\.[\w-]{24,})/g
const WEBHOOK = /(hooks\.slack\.com\/services\/)[\w/]{20,}/g
/** Private keys without the lines around them: PKCS #8, PKCS #1, PFX, of elliptic curves, and OpenSSH's. */
const BARE_KEY =
  /(?<![A-Za-z\d+/])(?:MII[A-Za-z\d+/]{3}IBA(?:DAN|AKC|zC)|MHcCAQEE|MIGHAgEAMBMG|MC4CAQAwBQYDK2Vw|b3BlbnNzaC1rZXktdjE)(?:[A-Za-z\d+/]|\r?\n|\\n){30,}={0,2}/g
const AUTHORIZATION =
  /(authorization)(\\{0,8}["']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,8}["']?)(?:[\w-]{1,40}[ \t]+)?[^\s"'\\]+(?:,[ \t]*[^\s"'\\]+)*/gi
const COOKIE = /(cookie)(\\{0,8}["']?[ \t]{0,8}:[ \t]{0,8}\\{0,8}["']?)[^\r\n"'\\]+/gi
const SCHEME =
  /\b(bearer|sharedkey|sharedkeylite|sharedaccesssignature)([ \t]{1,8})(?=[^\s"'\\]{0,4096}[\d=])[\w+/=.:~%&-]{12,}/gi
const BASIC = /\b(basic)([ \t]{1,8})(?=[a-z+/]{0,4096}[A-Z\d])[A-Za-z\d+/]{12,}={0,2}/gi
const SECRET_WORDS = [
  'accountkey',
  'sharedaccesssignature',
  'sharedaccesskey',
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secret',
  'secret[-_]?(?:access[-_]?)?key',
  '(?:access|account|api|functions?|storage|primary|secondary|shared|private|instrumentation|encryption|signing|master|openai|cognitive|search|cosmos|speech|service)[-_]?key',
  'subscription[-_]?key',
  'connection[-_]?string',
  '(?:access|refresh|auth|session|bearer|sas|hf|github|gitlab|slack|bot|databricks|wandb|api)[-_]?token',
].join('|')
const QUOTE = String.raw`\\{0,8}["']`
const PAIR = new RegExp(
  String.raw`(${SECRET_WORDS})((?:${QUOTE})?[ \t]{0,8}[:=][ \t]{0,8})(?:(${QUOTE})[^"'\\\r\n]+|(?![{[\\])[^\s"'\\;&]+)`,
  'gi',
)
/** A parameter of a command line whose value is the next word. */
const FLAG = new RegExp(
  String.raw`(?<![\w-])(--?[\w-]{0,40}(?:${SECRET_WORDS}))([ \t]{1,8})(?:(${QUOTE})[^"'\\\r\n]+|(?!-)[^\s"'\\;&|]+)`,
  'gi',
)
/** A member of an object that is written in a text, in its value a text. */
const MEMBER = new RegExp(
  String.raw`(${QUOTE})([\w.-]{2,64})(${QUOTE}[ \t]{0,8}:[ \t]{0,8}${QUOTE})([^"'\\]+)`,
  'g',
)
const BETWEEN = String.raw`(?:${QUOTE})?[ \t]{0,8}[:=][ \t]{0,8}(?:${QUOTE})?`
const NEXT = String.raw`(?:${QUOTE})?(?:[\s,]|\\n){1,80}(?:${QUOTE})?`
/** A name and a value beside each other, in YAML or in part of a document. */
const NAME_VALUE = new RegExp(
  String.raw`(?<!\w)((?:name|key)${BETWEEN})([\w.-]{2,64})(${NEXT}value${BETWEEN})([^\s"'\\]+)`,
  'gi',
)
const VALUE_NAME = new RegExp(
  String.raw`(?<!\w)(value${BETWEEN})([^\s"'\\,]+)(${NEXT}(?:name|key)${BETWEEN})([\w.-]{2,64})`,
  'gi',
)
/** 32 digits that are called a key. */
const HEX_KEY =
  /(?<!(?:cache|idempotency|partition|row|sort|hash|etag|public|foreign|dedup|unique)[-_]?)(key\d?)(\\{0,8}["']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,8}["']?)[\da-f]{32}(?![\w-])/gi
const USER = /([a-z][a-z\d+.-]{1,20}:\/\/)[^\s"'<>@/?#\\]+@/gi

/** One word of a text: what a URL cannot have parts it from the next. */
const WORD = /[^\s"'<>`]+/g
/** A word without any of these has no parameter, not even an escaped one. */
const ASSIGNS = /[=%\\]|&#/
/** In the decoded form of a word: a parameter of a query that is a permission by itself. */
const SIGNED =
  /(?:^|[?&;,#|([{])(?:amp;)?(?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|access_token|id_token|token|sas|sastoken|api[-_]?key|subscription-key|client_secret|password|code)=[^&]/i
const SEPARATOR = /\?|%(?:25)*3f|\\{1,8}u003f|\\{1,8}x3f|&#x0{0,4}3f;|&#0{0,4}63;/i
const MAX_DECODINGS = 6

/** The text without the secrets in it whose shape is known; the same text if it has none. */
export function withoutShapes(text: string): string {
  if (!HINT.test(text)) return text
  return text
    .replaceAll(PEM, REDACTED)
    .replaceAll(BARE_KEY, REDACTED)
    .replaceAll(WORD, withoutSignature)
    .replaceAll(DOTTED, (word) => (isToken(word) ? REDACTED : word))
    .replaceAll(AUTHORIZATION, `$1$2${REDACTED}`)
    .replaceAll(COOKIE, `$1$2${REDACTED}`)
    .replaceAll(MEMBER, (all, open: string, name: string, between: string) =>
      namedSecret(name) === 'secret' ? `${open}${name}${between}${REDACTED}` : all,
    )
    .replaceAll(NAME_VALUE, (all, before: string, name: string, between: string) =>
      namedSecret(name) === 'secret' ? `${before}${name}${between}${REDACTED}` : all,
    )
    .replaceAll(VALUE_NAME, (all, before: string, _: string, between: string, name: string) =>
      namedSecret(name) === 'secret' ? `${before}${REDACTED}${between}${name}` : all,
    )
    .replaceAll(PAIR, `$1$2$3${REDACTED}`)
    .replaceAll(FLAG, `$1$2$3${REDACTED}`)
    .replaceAll(HEX_KEY, `$1$2${REDACTED}`)
    .replaceAll(SCHEME, `$1$2${REDACTED}`)
    .replaceAll(BASIC, `$1$2${REDACTED}`)
    .replaceAll(USER, '$1redacted@')
    .replaceAll(WEBHOOK, `$1${REDACTED}`)
    .replaceAll(ACCOUNT_KEY, REDACTED)
    .replaceAll(ENTRA, REDACTED)
    .replaceAll(ISSUED, REDACTED)
}

/** Whether dotted parts are a JWS or JWE: a JSON object in base64url comes first, perhaps behind a name. */
function isToken(word: string): boolean {
  const first = word.slice(0, word.indexOf('.'))
  return /eyJ[\w-]{8}/.test(first)
}

/** A word without the query that signs it, in whichever way its characters are escaped. */
function withoutSignature(word: string): string {
  if (!ASSIGNS.test(word)) return word
  let plain = word
  for (let round = 0; round < MAX_DECODINGS; round += 1) {
    if (SIGNED.test(plain)) return cut(word)
    const next = decoded(plain)
    if (next === plain) return word
    plain = next
  }
  // nobody escapes so often who does not hide something
  return REDACTED
}

function cut(word: string): string {
  // what escapes the quote after it is not the word's
  let end = word.length
  while (word[end - 1] === '\\') end -= 1
  const at = word.search(SEPARATOR)
  return (at === -1 ? REDACTED : word.slice(0, at) + QUERY) + word.slice(end)
}

/** One layer of escapes off: percent, JSON, JavaScript and HTML. */
function decoded(text: string): string {
  return text.replaceAll(
    /%([\da-f]{2})|\\{1,8}u00([\da-f]{2})|\\{1,8}x([\da-f]{2})|&#x0{0,4}([\da-f]{2});|&#0{0,4}(\d{2,3});|&amp;|\\{1,8}\//gi,
    (all: string, ...found: readonly (string | undefined)[]) => {
      const hex = found.slice(0, 4).find((digits) => digits !== undefined)
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      const decimal = found[4]
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      return all.toLowerCase() === '&amp;' ? '&' : '/'
    },
  )
}
