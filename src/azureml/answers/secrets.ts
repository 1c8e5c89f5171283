/**
 * What a secret looks like: by the name of the member that has it, and by its shape in any text.
 *
 * `@redact` looks for both in every answer, because no list of operations has all that return one: a run's details have
 * the SAS of its logs, a connection its key, a job whatever somebody wrote into a command. Shapes err on the side of
 * taking out too much.
 * @module
 */

export const REDACTED = '[redacted]'
/** In the place of a signed URL's query: no URL parser minds it. */
const QUERY = '?redacted'

/** What the name of a member says of its value; `told` is what identifies a secret and is none. */
export type Named = 'secret' | 'told' | null

/** Members whose texts are secrets at any depth, in lower case without `_` and `-`. */
const HOLDERS: ReadonlySet<string> = new Set([
  'credential',
  'credentials',
  'clientcredentials',
  'customkeys',
  'secrets',
  'keys',
  'headers',
  'passwords',
  'sas',
  'token',
  'tokens',
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'pat',
  'pwd',
  'xapikey',
  'ocpapimsubscriptionkey',
])
/** The same by the end of the name: `primaryKey`, `azure_client_secret`, `AZURE_STORAGE_CONNECTION_STRING`. */
const ENDINGS =
  /(?:password|passwd|passphrase|secret|secretvalue|secretkey|sastoken|sasuri|sasurl|sasdefinition|signeduri|signedurl|connectionstring|connstr|bearertoken|authtoken|idtoken|accesstoken|refreshtoken|sessiontoken|securitytoken|personalaccesstoken|hftoken|githubtoken|accountkey|accesskey|accesskeyid|apikey|authkey|primarykey|secondarykey|storagekey|sharedkey|masterkey|signingkey|subscriptionkey|functionkey|functionskey|hostkey|adminkey|querykey|privatekey|sshkey|keydata|keyvalue|instrumentationkey|sharedaccesssignature)$/
/** What clients tell the kinds of credentials apart by, and ids. */
const TOLD: ReadonlySet<string> = new Set([
  'authtype',
  'authorityurl',
  'clientid',
  'credentialstype',
  'credentialtype',
  'expiresat',
  'expirytimeutc',
  'id',
  'keytype',
  'name',
  'resourceid',
  'resourceurl',
  'secretstype',
  'sshpublickey',
  'tenantid',
  'thumbprint',
  'tokentype',
  'type',
])

export function namedSecret(key: string): Named {
  const name = key.toLowerCase().replaceAll(/[^a-z\d]/g, '')
  if (TOLD.has(name)) return 'told'
  return HOLDERS.has(name) || ENDINGS.test(name) ? 'secret' : null
}

/** Texts without any of these have no secret whose shape is known, which most texts are. */
const HINT =
  /[=%\\@:_]|eyJ|-----BEGIN|bearer|basic|sharedkey|[A-Za-z\d+/]{80}|sk-|AKIA|xox|dapi|glpat/i
// each pattern takes time linear in the text: starts that could overlap are bounded, because others write what it reads
const PEM =
  /-----BEGIN [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z\d ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g
const DOTTED = /(?<![\w-])[\w-]{11,}(?:\.[\w-]*){2,4}/g
/** 64 bytes in base64, as storage accounts have them, and the mark in newer keys of Azure's. */
const ACCOUNT_KEY =
  /(?<![A-Za-z\d+/])(?:[A-Za-z\d+/]{86}==|[A-Za-z\d]{52}JQQJ99[A-Za-z\d]{20,40})(?![A-Za-z\d+/=])/g
const ISSUED =
  /(?<![A-Za-z\d])(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z\d]{16,}|xox[abeprs]-[\w-]{10,}|AKIA[A-Z\d]{16}|sk-[\w-]{20,}|dapi[\da-f]{32})/g
const AUTHORIZATION =
  /(authorization)(\\{0,8}["']?[ \t]{0,8}[:=][ \t]{0,8}\\{0,8}["']?)(?:[\w-]{1,40}[ \t]+)?[^\s"'\\]+(?:,[ \t]*[^\s"'\\]+)*/gi
const COOKIE = /(cookie)(\\{0,8}["']?[ \t]{0,8}:[ \t]{0,8}\\{0,8}["']?)[^\r\n"'\\]+/gi
const SCHEME =
  /\b(bearer|sharedkey|sharedkeylite|sharedaccesssignature)([ \t]{1,8})(?=[^\s"'\\]{0,4096}[\d=])[\w+/=.:~%&-]{12,}/gi
const BASIC = /\b(basic)([ \t]{1,8})(?=[a-z+/]{0,4096}[A-Z\d])[A-Za-z\d+/]{12,}={0,2}/gi
const PAIR =
  /(accountkey|sharedaccesssignature|sharedaccesskey|password|passwd|pwd|secret|secret[-_]?(?:access[-_]?)?key|(?:access|account|api|functions?|storage|primary|secondary|shared|private)[-_]?key|subscription[-_]?key|connection[-_]?string|(?:access|refresh|auth|session|bearer|sas)[-_]?token)(\\{0,8}["']?[ \t]{0,8}[:=][ \t]{0,8})(?:(\\{0,8}["'])[^"'\\\r\n]+|(?![{[\\])[^\s"'\\;&]+)/gi
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

/** The text without the secrets in it; the same text if it has none. */
export function withoutSecrets(text: string): string {
  if (!HINT.test(text)) return text
  return text
    .replaceAll(PEM, REDACTED)
    .replaceAll(WORD, withoutSignature)
    .replaceAll(DOTTED, (word) => (isToken(word) ? REDACTED : word))
    .replaceAll(AUTHORIZATION, `$1$2${REDACTED}`)
    .replaceAll(COOKIE, `$1$2${REDACTED}`)
    .replaceAll(PAIR, `$1$2$3${REDACTED}`)
    .replaceAll(SCHEME, `$1$2${REDACTED}`)
    .replaceAll(BASIC, `$1$2${REDACTED}`)
    .replaceAll(USER, '$1redacted@')
    .replaceAll(ACCOUNT_KEY, REDACTED)
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
