/**
 * Reads secrets from the variables and files that the configuration names; it never has a secret itself.
 * @module
 */
import { open } from 'node:fs/promises'
import type { Config, SecretSource } from './schema/schema.ts'
import { sinkSecrets } from './schema/sink-roles.ts'
import { codeOf } from '../lib/error-code.ts'

/** A larger file is a mistake, such as a path to a log. */
const MAX_BYTES = 65_536
const PERMISSIONS = 0o777
const GROUP_OR_WORLD = 0o077
/** How Kubernetes hands a secret to a container that is not root: root's, and read-only for one group (fsGroup). */
const ROOT_FOR_GROUP = 0o440
const ROOT = 0

/** The process's environment, handed in by main.ts. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads a secret. One newline at its end, which editors and `kubectl create secret` leave there, is cut off.
 * @throws Error that names the variable or the file, never anything that was in it
 */
export async function readSecret(source: SecretSource, environment: Environment): Promise<string> {
  if ('fromEnv' in source) {
    const name = source.fromEnv
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (value === undefined) throw new Error(`environment variable ${name} is not set`)
    return nonEmpty(value, `environment variable ${name}`)
  }
  return nonEmpty(await readPrivateFile(source.fromFile), `file ${source.fromFile}`)
}

function nonEmpty(text: string, place: string): string {
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new Error(`${place} is empty`)
  return secret
}

async function readPrivateFile(file: string): Promise<string> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw new Error(`file ${file} cannot be opened (${codeOf(error, 'unknown')})`, { cause: error })
  })
  try {
    // the open handle is asked: between a check of the path and opening it the file could be replaced
    const { mode, size, uid } = await handle.stat()
    if (
      (mode & GROUP_OR_WORLD) !== 0 &&
      !(uid === ROOT && (mode & PERMISSIONS) === ROOT_FOR_GROUP)
    ) {
      throw new Error(`file ${file} is open to others than its owner; chmod 600 it`)
    }
    if (size > MAX_BYTES) throw new Error(`file ${file} is too large for a secret`)
    return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile())
  } catch (error) {
    if (error instanceof TypeError)
      throw new Error(`file ${file} is not UTF-8 text`, { cause: error })
    if (error instanceof Error && 'code' in error) {
      throw new Error(`file ${file} cannot be read (${codeOf(error)})`, { cause: error })
    }
    throw error
  } finally {
    await handle.close()
  }
}

/** Every secret that the configuration names, with the key that names it. */
export function secretsOf(config: Config): [string, SecretSource][] {
  const named: [string, SecretSource | undefined][] = [
    ['operationKey', config.operationKey],
    ['audit.hashKey', config.audit.hashKey],
    ...(config.approvals?.keys ?? []).flatMap((key, index): [string, SecretSource][] =>
      'keyVault' in key ? [] : [[`approvals.keys[${index}]`, key]],
    ),
    ...(config.approvals?.notify ?? []).flatMap(
      ({ url, signingKey }, index): [string, SecretSource | undefined][] => [
        [`approvals.notify[${index}].url`, url],
        [`approvals.notify[${index}].signingKey`, signingKey],
      ],
    ),
    ...(config.console?.cookieKeys ?? []).map((source, index): [string, SecretSource] => [
      `console.cookieKeys[${index}]`,
      source,
    ]),
    ...config.issuers.flatMap(({ console }, index) => consoleSecrets(console, index)),
    ...config.issuers.map(({ introspection }, index): [string, SecretSource | undefined] => [
      `issuers[${index}].introspection.clientSecret`,
      introspection?.clientSecret,
    ]),
    ...config.audit.sinks.flatMap((sink, index) =>
      sinkSecrets(sink).map(([member, source]): [string, SecretSource] => [
        `audit.sinks[${index}].${member}`,
        source,
      ]),
    ),
  ]
  return named.flatMap(([where, source]) => (source === undefined ? [] : [[where, source]]))
}

function consoleSecrets(
  console: Config['issuers'][number]['console'],
  index: number,
): [string, SecretSource][] {
  const at = `issuers[${index}].console.authentication`
  const authentication = console?.authentication
  if (authentication === undefined || 'federatedBy' in authentication) return []
  return 'secret' in authentication
    ? [[`${at}.secret`, authentication.secret]]
    : [[`${at}.privateKey`, authentication.privateKey]]
}

/** Every secret of the configuration, read once: a variable or file that is missing keeps the gateway from starting. */
export async function readSecrets(
  config: Config,
  env: Environment,
): Promise<(source: SecretSource) => string> {
  const known = new Map<SecretSource, string>()
  for (const [, source] of secretsOf(config)) known.set(source, await readSecret(source, env))
  return (source) => {
    const secret = known.get(source)
    if (secret === undefined)
      throw new Error('a secret was asked for that the configuration does not name')
    return secret
  }
}
