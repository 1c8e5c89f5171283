/**
 * What the name of a member says of its value: whether it is a secret, tells its kind, or names the value beside it.
 * @module
 */

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
  'auths',
  'dockerconfigjson',
  'key1',
  'key2',
])
/** The same by the end of the name: `primaryKey`, `azure_client_secret`, `AZURE_STORAGE_CONNECTION_STRING`. */
const ENDINGS =
  /(?:password|passwd|passphrase|secret|secretvalue|secretkey|sastoken|sasuri|sasurl|sasdefinition|signeduri|signedurl|connectionstring|connstr|bearertoken|authtoken|idtoken|accesstoken|refreshtoken|sessiontoken|securitytoken|personalaccesstoken|hftoken|githubtoken|slacktoken|bottoken|databrickstoken|apitoken|accountkey|openaikey|cognitivekey|searchkey|speechkey|cosmoskey|servicekey|encryptionkey|accesskey|accesskeyid|apikey|authkey|primarykey|secondarykey|storagekey|sharedkey|masterkey|signingkey|subscriptionkey|functionkey|functionskey|hostkey|adminkey|querykey|privatekey|sshkey|keydata|keyvalue|instrumentationkey|sharedaccesssignature)s?\d*$/
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

/** Members that say the name of what another member of their object has, as in MLflow's parameters and tags. */
const NAMING: ReadonlySet<string> = new Set([
  'key',
  'name',
  'k',
  'id',
  'label',
  'header',
  'headername',
  'field',
  'property',
  'propertyname',
  'setting',
  'settingname',
  'variable',
  'variablename',
  'parameter',
  'parametername',
])
const VALUES: ReadonlySet<string> = new Set(['value', 'values', 'val', 'v'])

/** Characters in the longest of both. */
const MAX_ROLE = 20

/** What a member is in a pair of a name and a value; null for any other. */
export function roleOf(key: string): 'name' | 'value' | null {
  if (key.length > MAX_ROLE) return null
  const name = key.toLowerCase().replaceAll(/[^a-z\d]/g, '')
  if (NAMING.has(name)) return 'name'
  return VALUES.has(name) ? 'value' : null
}

/** Names of keys that open nothing. */
const HARMLESS =
  /(?:cache|idempotency|partition|row|sort|hash|etag|public|foreign|dedup|unique)key$/
const KEY_SHAPE = /^(?:[\da-f]{32}|[A-Za-z\d]{84}|[A-Za-z\d+/]{43}=)$/

/** Whether a member called a key has what looks like one: 32 digits, as Azure's AI services have them. */
export function isKeyOfService(member: string, text: string): boolean {
  const name = member.toLowerCase().replaceAll(/[^a-z\d]/g, '')
  return /key\d?$/.test(name) && !HARMLESS.test(name.replace(/\d$/, '')) && KEY_SHAPE.test(text)
}

export function namedSecret(key: string): Named {
  const name = key.toLowerCase().replaceAll(/[^a-z\d]/g, '')
  if (TOLD.has(name)) return 'told'
  return HOLDERS.has(name) || ENDINGS.test(name) ? 'secret' : null
}
