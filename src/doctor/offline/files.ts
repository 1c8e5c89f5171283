/**
 * The files that the configuration names: there, readable, and nobody else's to change.
 * @module
 */
import { access, constants, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../config/schema/schema.ts'
import { createDenyList } from '../../identity/deny-list.ts'
import { codeOf } from '../../lib/error-code.ts'
import { fileFaultOf } from '../../lib/file-fault.ts'
import { findingsOf, type Finding } from '../finding.ts'

const WRITABLE_BY_ALL = 0o002
/** As for the key of checkpoints: the group may read, as Kubernetes mounts secrets. */
const LOOSE_KEY = 0o027

const { failed } = findingsOf('files')

/** @param file the configuration itself */
export async function checkNamedFiles(file: string, config: Config): Promise<Finding[]> {
  const { policies, listen, identities, audit } = config
  const found: (Finding | null)[] = [
    await notToBeChanged('the configuration', file),
    await notToBeChanged('policies.directory', policies.directory),
    await notToBeChanged(
      'policies.bindings',
      policies.bindings ?? join(policies.directory, 'bindings.yaml'),
    ),
  ]
  if (listen.tls !== undefined) {
    found.push(await notToBeChanged('listen.tls.certFile', listen.tls.certFile))
    found.push(await keyIsPrivate('listen.tls.keyFile', listen.tls.keyFile))
  }
  for (const [name, identity] of Object.entries(identities))
    if (identity.kind === 'workload-identity')
      found.push(await readable(`identities.${name}.tokenFile`, identity.tokenFile))
  for (const [at, sink] of audit.sinks.entries())
    if (sink.kind === 'syslog' && sink.caFile !== undefined)
      found.push(await readable(`audit.sinks[${at}].caFile`, sink.caFile))
  found.push(await denyList(config.denyListFile), await ledger(config))
  return found.filter((one) => one !== null)
}

/** What is not there is a finding of whoever reads it. */
async function notToBeChanged(where: string, path: string): Promise<Finding | null> {
  const mode = await modeOf(path)
  if (mode === null || (mode & WRITABLE_BY_ALL) === 0) return null
  return failed(
    where,
    `"${path}" can be changed by every user of this machine (${octal(mode)})`,
    `chmod o-w ${path}`,
  )
}

async function keyIsPrivate(where: string, path: string): Promise<Finding | null> {
  const mode = await modeOf(path)
  if (mode === null || (mode & LOOSE_KEY) === 0) return null
  return failed(
    where,
    `"${path}" can be used by others than its owner and group (${octal(mode)})`,
    `chmod 600 ${path}`,
  )
}

async function readable(where: string, path: string): Promise<Finding | null> {
  try {
    await access(path, constants.R_OK)
    if ((await stat(path)).isFile()) return null
    return failed(where, `"${path}" is no file`, 'name a file')
  } catch (error) {
    const known = fileFaultOf(error)
    const what = `"${path}" ${known?.what ?? `cannot be read (${codeOf(error, 'failed')})`}`
    return failed(where, what, known?.next ?? 'check its path and its owner')
  }
}

async function denyList(file: string | undefined): Promise<Finding | null> {
  if (file === undefined) return null
  const unreadable = await readable('denyListFile', file)
  if (unreadable !== null) return unreadable
  const list = createDenyList({ file, log: () => undefined })
  try {
    list.start()
    return await notToBeChanged('denyListFile', file)
  } catch (error) {
    const what = error instanceof Error ? error.message : 'cannot be read'
    return failed('denyListFile', what, 'write a line as "principal entra/TENANT/OBJECT"')
  } finally {
    list.close()
  }
}

/** A ledger that is not there yet is made with its first document. */
async function ledger({ approvals }: Config): Promise<Finding | null> {
  if (approvals === undefined || !('directory' in approvals.ledger)) return null
  const { directory } = approvals.ledger
  const where = 'approvals.ledger.directory'
  try {
    if (!(await stat(directory)).isDirectory())
      return failed(where, `"${directory}" is no directory`, 'name a directory')
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    return await notToBeChanged(where, directory)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    const what = `"${directory}" cannot be used (${codeOf(error, 'failed')})`
    return failed(where, what, 'make it the gateway’s own: chown, chmod 700')
  }
}

const modeOf = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ mode }) => mode,
    () => null,
  )

const octal = (mode: number): string => (mode & 0o777).toString(8)
